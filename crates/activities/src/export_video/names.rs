//! Which name an object of a video has where it is exported to. Pure.
//!
//! A destination can be used again, by another video or another attempt, while players and caches still
//! hold files of the earlier one. So only entry points have fixed names; what playlists name lies in
//! a folder that carries video and attempt, and a name never changes its content.

use contract::export_video::Input;
use storage::{Bucket, Object};

/// The master playlist, and that of the preview, below their folders.
const ENTRIES: [&str; 2] = ["master.m3u8", "preview.m3u8"];
/// Folders of outputs that no playlist names: their files are found by their names.
const FIXED: [&str; 2] = ["mp4", "sprites"];

/// The key of the copy; `None` for what is not copied.
pub(super) fn exported(input: &Input, object: &Object) -> Option<String> {
    let export = &input.export;
    let rest = object.key().strip_prefix(&input.video.to_string())?.strip_prefix('/')?;
    let below = |folder: &str, rest: &str| Some(format!("{folder}/{rest}"));
    match object.bucket() {
        Bucket::Videos => {
            if let Some(rest) = rest.strip_prefix("chapters/") {
                return below(&export.chapters, rest);
            }
            let rest = rest.strip_prefix("outputs/")?;
            match rest.split_once('/') {
                Some(("mp4", file)) if export.mp4.is_some() => below(export.mp4.as_deref()?, file),
                Some(("preview", rest)) if ENTRIES.contains(&rest) => below(&export.preview, rest),
                Some(("preview", rest)) => below(&own(&export.preview, input), rest),
                Some(("waveform", rest)) => below(&export.waveform, rest),
                Some((folder, _)) if !FIXED.contains(&folder) => below(&renditions(input), rest),
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

/// Folder of the renditions, one folder each.
pub(super) fn renditions(input: &Input) -> String {
    own(&input.export.outputs, input)
}

/// Every key of a destination at which a player may begin, whether this video has it or not.
pub(super) fn entries(input: &Input) -> [String; 2] {
    let [master, preview] = ENTRIES;
    [format!("{}/{master}", input.export.outputs), format!("{}/{preview}", input.export.preview)]
}

/// The folder below a re-usable one that no other video or attempt writes to.
fn own(folder: &str, input: &Input) -> String {
    format!("{folder}/{}-{}", input.video, input.attempt)
}

#[cfg(test)]
mod tests {
    use contract::{Export, Outputs, VideoId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_output_has_its_name() {
        let video = VideoId(Uuid::from_u128(7));
        let input =
            |export| Input { video, attempt: 2, export, base: None, outputs: Outputs::default() };
        let key = |input: &Input, bucket, rest: &str| {
            exported(input, &Object::new(bucket, format!("{video}/{rest}")).unwrap())
        };
        let ours = input(Export::published("show/1"));
        let theirs = input(Export::runpod("c", "m"));
        let own = format!("{video}-2");
        let below = |folder: &str, rest: &str| Some(format!("{folder}/{own}/{rest}"));
        let fixed = |key: &str| Some(key.to_owned());
        for (bucket, rest, published, runpod) in [
            (
                Bucket::Videos,
                "outputs/master.m3u8",
                fixed("show/1/master.m3u8"),
                fixed("c/hls/m/master.m3u8"),
            ),
            (
                Bucket::Videos,
                "outputs/720p/index.m3u8",
                below("show/1", "720p/index.m3u8"),
                below("c/hls/m", "720p/index.m3u8"),
            ),
            (
                Bucket::Videos,
                "outputs/720p/init.mp4",
                below("show/1", "720p/init.mp4"),
                below("c/hls/m", "720p/init.mp4"),
            ),
            (
                Bucket::Videos,
                "outputs/preview/preview.m3u8",
                fixed("show/1/preview/preview.m3u8"),
                fixed("c/hls/m/preview/preview.m3u8"),
            ),
            (
                Bucket::Videos,
                "outputs/preview/video/init.mp4",
                below("show/1/preview", "video/init.mp4"),
                below("c/hls/m/preview", "video/init.mp4"),
            ),
            (
                Bucket::Videos,
                "outputs/mp4/720p.mp4",
                fixed("show/1/mp4/720p.mp4"),
                fixed("c/hls/m/mp4/720p.mp4"),
            ),
            (
                Bucket::Videos,
                "outputs/waveform/waveform.json",
                fixed("show/1/waveform/waveform.json"),
                fixed("c/waveforms/m/waveform.json"),
            ),
            (
                Bucket::Videos,
                "chapters/chapters.json",
                fixed("show/1/chapters/chapters.json"),
                fixed("c/hls/m/chapters/chapters.json"),
            ),
            (
                Bucket::Thumbnails,
                "thumbnail.jpg",
                fixed("show/1/thumbnail.jpg"),
                fixed("c/thumbnails/m/auto-generated.jpg"),
            ),
            (
                Bucket::Thumbnails,
                "thumbnail-320.jpg",
                fixed("show/1/thumbnail-320.jpg"),
                fixed("c/thumbnails/m/thumbnail-320.jpg"),
            ),
            (Bucket::Mezzanine, "mezzanine.mp4", None, fixed("c/mezzanine/m/mezzanine.mp4")),
            (Bucket::Videos, "source/original.mp4", None, None),
            (Bucket::Videos, "work/a.json", None, None),
        ] {
            assert_eq!(key(&ours, bucket, rest), published, "{rest}");
            assert_eq!(key(&theirs, bucket, rest), runpod, "{rest}");
        }
        let file = "outputs/mp4/720p.mp4";
        assert_eq!(key(&ours, Bucket::Videos, file).as_deref(), Some("show/1/mp4/720p.mp4"));
        let export = ours.export.clone().with_files_beside_the_master();
        let beside = Input { export, ..ours.clone() };
        assert_eq!(key(&beside, Bucket::Videos, file).as_deref(), Some("show/1/720p.mp4"));
        let other = Object::new(Bucket::Videos, "other/outputs/master.m3u8").unwrap();
        assert_eq!(exported(&ours, &other), None);
    }
}
