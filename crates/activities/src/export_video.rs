//! Copies a published video to its destination: everything that the master playlist and the outputs
//! name, the master playlist last.
//!
//! Run twice, the second run finds the record; without it, it copies again what is not there yet. What
//! an earlier video left under the same names loses its master playlist first of all, so that what a
//! player reaches is never a mixture.

mod names;
mod target;
mod tree;

pub(crate) use target::remove;

use contract::{
    ExportOutput, Mp4Output,
    export_video::{Input, NAME, Output},
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use media::playlist;
use storage::{Object, layout::Layout};

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse};
use names::{exported, renditions};
use target::Target;
use tree::Tree;

/// Objects copied at the same time.
const COPIES: usize = 4;

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let video = deps.catalog.get(input.video).await?;
    if video.and_then(|video| video.export).as_ref() != Some(&input.export) {
        tracing::error!(video = %input.video, "a copy that nobody asked for is refused");
        return Err(Error::Unauthorized("this copy"));
    }
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    let work = Box::pin(copy(deps, pulse, &input));
    once(deps, &record, "the export's record", work).await.map(|(output, _)| output)
}

async fn copy(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let Tree { files, playlists } = tree::read(deps, input).await?;
    let target = Target::open(deps, input).await?;
    let name = |object: &Object| exported(input, object);
    let keys: Vec<String> =
        files.iter().chain(playlists.iter().map(|playlist| &playlist.0)).filter_map(name).collect();
    target.begin(deps, &keys).await?;
    let mut copies = Vec::new();
    for file in &files {
        if let Some(key) = name(file) {
            copies.push(target.copy(deps, file, key).boxed());
        }
    }
    let mut copies = stream::iter(copies).buffer_unordered(COPIES);
    let (mut done, mut bytes) = (0_u64, 0);
    while let Some(copied) = copies.try_next().await? {
        (done, bytes) = (done + 1, bytes + copied);
        pulse.set(&(done, keys.len()));
    }
    if target.is_lost(deps, &keys).await? {
        return Ok(described(input, &target, keys.len() as u64, bytes));
    }
    for (object, text) in &playlists {
        let Some(key) = name(object) else { continue };
        let text = readdressed(input, object, &key, text);
        bytes += text.len() as u64;
        target.write(deps, &key, text).await?;
    }
    Ok(described(input, &target, keys.len() as u64, bytes))
}

/// A playlist as it is in its new place: its addresses are those of the copies.
fn readdressed(input: &Input, object: &Object, key: &str, text: &str) -> String {
    let moved = |uri: &str| -> Option<String> {
        let named = playlist::resolve(object.key(), uri)?;
        let named = Object::new(object.bucket(), named).ok()?;
        let named = exported(input, &named)?;
        Some(match &input.base {
            Some(base) => playlist::absolute(base, &named),
            None => playlist::relative(key, &named),
        })
    };
    playlist::with_uris(text, |uri| moved(uri).unwrap_or_else(|| uri.to_owned()))
}

fn described(input: &Input, target: &Target, files: u64, bytes: u64) -> ExportOutput {
    let Input { base, outputs, .. } = input;
    let key = |place: &String| exported(input, &place.parse().ok()?);
    let master = key(&outputs.master).unwrap_or_default();
    let waveform = outputs.waveform.as_ref();
    let file = |made: &Mp4Output| Some(Mp4Output { file: key(&made.file)?, ..made.clone() });
    ExportOutput {
        bucket: target.bucket().to_owned(),
        playlist: base.as_ref().map(|base| playlist::absolute(base, &master)),
        master,
        renditions: Some(renditions(input)),
        preview: outputs.preview.as_ref().and_then(|made| key(&made.playlist)),
        thumbnail: outputs.thumbnail.as_ref().and_then(|made| key(&made.image)),
        waveform: waveform.and_then(|made| key(&made.json)),
        waveform_image: waveform.and_then(|made| key(&made.image)),
        mezzanine: outputs.mezzanine.as_ref().and_then(|made| key(&made.file)),
        mp4: outputs.mp4.iter().filter_map(file).collect(),
        files,
        bytes,
    }
}

/// The store an object of the video is in.
fn home<'a>(deps: &'a Deps, object: &Object) -> &'a storage::Store {
    match object.bucket() {
        storage::Bucket::Mezzanine => &deps.mezzanine,
        _ => &deps.store,
    }
}

#[cfg(test)]
mod tests;
