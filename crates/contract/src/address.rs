//! From places in the store to addresses that players can open.

use url::Url;

use crate::Outputs;

/// Our own bucket of copies; all of it is for players.
const PUBLISHED: &str = "published";

/// The address of a path below a base, each segment percent-encoded.
pub fn below<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url.into()
}

impl Outputs {
    /// The same with every place of the store an address below `base`. The mezzanine is not for
    /// players and stays a place in its store.
    #[must_use]
    pub fn addressed(mut self, base: &Url) -> Self {
        let places = std::iter::once(&mut self.master)
            .chain(self.subtitles.iter_mut().map(|track| &mut track.playlist))
            .chain(self.thumbnail.iter_mut().flat_map(|still| {
                let sizes = still.sizes.iter_mut().map(|size| &mut size.image);
                std::iter::once(&mut still.image).chain(sizes)
            }))
            .chain(self.chapters.iter_mut().flat_map(|made| [&mut made.vtt, &mut made.json]))
            .chain(self.mp4.iter_mut().map(|made| &mut made.file))
            .chain(self.waveform.iter_mut().flat_map(|made| [&mut made.json, &mut made.image]))
            .chain(self.preview.iter_mut().map(|made| &mut made.playlist))
            .chain(self.sprites.iter_mut().map(|made| &mut made.vtt));
        for place in places {
            *place = below(base, place.split('/'));
        }
        if let Some(export) = &mut self.export
            && export.playlist.is_none()
            && export.bucket == PUBLISHED
        {
            let place = std::iter::once(PUBLISHED).chain(export.master.split('/'));
            export.playlist = Some(below(base, place));
        }
        self
    }
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
