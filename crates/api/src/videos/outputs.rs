//! The outputs of a video as clients see them: places in the store become addresses.

use contract::Outputs;
use serde::Serialize;
use storage::Bucket;
use url::Url;
use utoipa::{PartialSchema, ToSchema};

/// What was made, every place of the store an address. The mezzanine is not for players and stays a
/// place in its store.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct OutputsView(pub(crate) Outputs);

impl PartialSchema for OutputsView {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        Outputs::schema()
    }
}

impl ToSchema for OutputsView {
    fn name() -> std::borrow::Cow<'static, str> {
        Outputs::name()
    }

    fn schemas(
        schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
    ) {
        Outputs::schemas(schemas);
    }
}

impl OutputsView {
    pub(crate) fn new(media_base: &Url, mut outputs: Outputs) -> Self {
        let places = std::iter::once(&mut outputs.master)
            .chain(outputs.subtitles.iter_mut().map(|track| &mut track.playlist))
            .chain(outputs.thumbnail.iter_mut().flat_map(|still| {
                let sizes = still.sizes.iter_mut().map(|size| &mut size.image);
                std::iter::once(&mut still.image).chain(sizes)
            }))
            .chain(outputs.chapters.iter_mut().flat_map(|made| [&mut made.vtt, &mut made.json]))
            .chain(outputs.mp4.iter_mut().map(|made| &mut made.file))
            .chain(outputs.waveform.iter_mut().flat_map(|made| [&mut made.json, &mut made.image]))
            .chain(outputs.preview.iter_mut().map(|made| &mut made.playlist))
            .chain(outputs.sprites.iter_mut().map(|made| &mut made.vtt));
        for place in places {
            *place = below(media_base, place.split('/'));
        }
        if let Some(export) = &mut outputs.export
            && export.playlist.is_none()
            && export.bucket == Bucket::Published.as_str()
        {
            let place = std::iter::once(export.bucket.as_str()).chain(export.master.split('/'));
            export.playlist = Some(below(media_base, place));
        }
        Self(outputs)
    }

    pub(crate) fn thumbnail(&self) -> Option<String> {
        self.0.thumbnail.as_ref().map(|still| still.image.clone())
    }

    pub(crate) fn chapters(&self) -> Option<String> {
        self.0.chapters.as_ref().map(|made| made.vtt.clone())
    }
}

/// The address of a path below a base, each segment percent-encoded.
pub(crate) fn below<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_put_below_any_base() {
        for (base, expected) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/videos/1/a%20%2523.m3u8"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/videos/1/a%20%2523.m3u8"),
            ("https://cdn.example/m/", "https://cdn.example/m/videos/1/a%20%2523.m3u8"),
        ] {
            let base = base.parse().unwrap();
            assert_eq!(below(&base, "videos/1/a %23.m3u8".split('/')), expected);
        }
    }
}
