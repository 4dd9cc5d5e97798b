//! Writes the media playlists of everything that was encoded. Run twice, it writes the same texts.

use contract::package_video::{Input, Output};
use media::{
    manifest::{RenditionManifest, Segment},
    playlist::{MediaPlaylist, media_playlist},
};
use storage::layout::{INIT, Layout};

use crate::{
    Deps,
    failure::Error,
    manifests::{self, Encoded},
};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let encoded = manifests::encoded(deps, input.video, &input.source, &input.plan).await?;
    let mut output = Output { playlists: 0, segments: 0 };
    for (name, timescale, segments) in renditions(&encoded) {
        let text = media_playlist(&MediaPlaylist { timescale, init: INIT, segments: &segments });
        deps.store.put_bytes(&layout.playlist(&name)?, text).await?;
        output.playlists += 1;
        output.segments += segments.len() as u64;
    }
    Ok(output)
}

/// Joins the chunks of every rung, and the sound as it is: name, timescale, segments in order.
fn renditions(encoded: &Encoded) -> Vec<(String, u32, Vec<Segment>)> {
    let first = encoded.chunks.first();
    let video = first.into_iter().flat_map(|chunk| chunk.renditions.iter().enumerate()).map(
        |(at, rung)| {
            let parts = encoded.chunks.iter().filter_map(|chunk| chunk.renditions.get(at));
            (
                rung.name.clone(),
                rung.timescale,
                parts.flat_map(|part| part.segments.clone()).collect(),
            )
        },
    );
    let audio = encoded.audio.iter().flat_map(|audio| &audio.renditions);
    let whole = |rendition: &RenditionManifest| {
        (rendition.name.clone(), rendition.timescale, rendition.segments.clone())
    };
    video.chain(audio.map(whole)).collect()
}
