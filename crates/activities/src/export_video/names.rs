//! Which name an object of a video has where it is exported to. Pure.

use contract::{Export, VideoId};
use storage::{Bucket, Object};

/// The key of the copy; `None` for what is not copied.
pub(super) fn exported(export: &Export, video: VideoId, object: &Object) -> Option<String> {
    let rest = object.key().strip_prefix(&video.to_string())?.strip_prefix('/')?;
    let below = |folder: &str, rest: &str| Some(format!("{folder}/{rest}"));
    match object.bucket() {
        Bucket::Videos => {
            if let Some(rest) = rest.strip_prefix("chapters/") {
                return below(&export.chapters, rest);
            }
            let rest = rest.strip_prefix("outputs/")?;
            match rest.split_once('/') {
                Some(("preview", rest)) => below(&export.preview, rest),
                Some(("waveform", rest)) => below(&export.waveform, rest),
                _ => below(&export.outputs, rest),
            }
        }
        Bucket::Thumbnails if rest == "thumbnail.jpg" => Some(export.thumbnail.clone()),
        Bucket::Thumbnails => {
            let folder = export.thumbnail.rsplit_once('/').map_or("", |(folder, _)| folder);
            below(folder, rest)
        }
        Bucket::Mezzanine => export.mezzanine.clone(),
        Bucket::Uploads | Bucket::Published => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_output_has_its_name() {
        let video = VideoId(Uuid::from_u128(7));
        let key = |export: &Export, bucket, rest: &str| {
            exported(export, video, &Object::new(bucket, format!("{video}/{rest}")).unwrap())
        };
        let ours = Export::published("show/1");
        let theirs = Export::runpod("c", "m");
        for (bucket, rest, published, runpod) in [
            (
                Bucket::Videos,
                "outputs/master.m3u8",
                Some("show/1/master.m3u8"),
                Some("c/hls/m/master.m3u8"),
            ),
            (
                Bucket::Videos,
                "outputs/720p/init.mp4",
                Some("show/1/720p/init.mp4"),
                Some("c/hls/m/720p/init.mp4"),
            ),
            (
                Bucket::Videos,
                "outputs/preview/preview.m3u8",
                Some("show/1/preview/preview.m3u8"),
                Some("c/hls/m/preview/preview.m3u8"),
            ),
            (
                Bucket::Videos,
                "outputs/waveform/waveform.json",
                Some("show/1/waveform/waveform.json"),
                Some("c/waveforms/m/waveform.json"),
            ),
            (
                Bucket::Videos,
                "chapters/chapters.json",
                Some("show/1/chapters/chapters.json"),
                Some("c/hls/m/chapters/chapters.json"),
            ),
            (
                Bucket::Thumbnails,
                "thumbnail.jpg",
                Some("show/1/thumbnail.jpg"),
                Some("c/thumbnails/m/auto-generated.jpg"),
            ),
            (
                Bucket::Thumbnails,
                "thumbnail-320.jpg",
                Some("show/1/thumbnail-320.jpg"),
                Some("c/thumbnails/m/thumbnail-320.jpg"),
            ),
            (Bucket::Mezzanine, "mezzanine.mp4", None, Some("c/mezzanine/m/mezzanine.mp4")),
            (Bucket::Videos, "source/original.mp4", None, None),
            (Bucket::Videos, "work/a.json", None, None),
        ] {
            assert_eq!(key(&ours, bucket, rest).as_deref(), published, "{rest}");
            assert_eq!(key(&theirs, bucket, rest).as_deref(), runpod, "{rest}");
        }
        let other = Object::new(Bucket::Videos, "other/outputs/master.m3u8").unwrap();
        assert_eq!(exported(&ours, video, &other), None);
    }
}
