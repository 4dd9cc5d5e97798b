//! What a published video consists of: what its playlists name, and what its outputs name besides.
//! Segments of attempts that lost are named by nothing and stay behind.

use std::collections::{BTreeSet, VecDeque};

use contract::{Outputs, export_video::Input};
use media::playlist;
use storage::{Bucket, Object};

use crate::{Deps, failure::Error};

/// The objects of a video.
pub(super) struct Tree {
    /// What is copied as it is.
    pub(super) files: Vec<Object>,
    /// Playlists with their texts, each after those it names; the master playlist last.
    pub(super) playlists: Vec<(Object, String)>,
}

pub(super) async fn read(deps: &Deps, input: &Input) -> Result<Tree, Error> {
    let outputs = &input.outputs;
    let preview = outputs.preview.as_ref().map(|made| &made.playlist);
    let mut waiting = VecDeque::new();
    for place in std::iter::once(&outputs.master).chain(preview) {
        waiting.push_back(place.parse::<Object>()?);
    }
    let (mut files, mut playlists) = (BTreeSet::new(), Vec::<(Object, String)>::new());
    while let Some(object) = waiting.pop_front() {
        if playlists.iter().any(|(known, _)| *known == object) {
            continue;
        }
        let text = deps.store.get_bytes(&object).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        for key in
            playlist::uris(&text).iter().filter_map(|uri| playlist::resolve(object.key(), uri))
        {
            let named = Object::new(object.bucket(), key)?;
            if playlist::is_playlist(named.key()) {
                waiting.push_back(named);
            } else {
                files.insert(named);
            }
        }
        playlists.push((object, text));
    }
    playlists.reverse();
    for place in besides(outputs) {
        files.insert(place.parse()?);
    }
    files.extend(sprites(deps, outputs).await?);
    Ok(Tree { files: files.into_iter().collect(), playlists })
}

/// Places that no playlist names.
fn besides(outputs: &Outputs) -> Vec<&String> {
    let still = outputs.thumbnail.iter();
    let still = still.flat_map(|made| {
        std::iter::once(&made.image).chain(made.sizes.iter().map(|size| &size.image))
    });
    let chapters = outputs.chapters.iter().flat_map(|made| [&made.vtt, &made.json]);
    let waveform = outputs.waveform.iter().flat_map(|made| [&made.json, &made.image]);
    let mezzanine = outputs.mezzanine.iter().map(|made| &made.file);
    let mp4 = outputs.mp4.iter().map(|made| &made.file);
    still.chain(chapters).chain(waveform).chain(mezzanine).chain(mp4).collect()
}

/// The index of pictures for the time bar, and its sheets beside it.
async fn sprites(deps: &Deps, outputs: &Outputs) -> Result<Vec<Object>, Error> {
    let Some(made) = &outputs.sprites else { return Ok(Vec::new()) };
    let index: Object = made.vtt.parse()?;
    let folder = index.key().rsplit_once('/').map_or("", |(folder, _)| folder);
    let listed = deps.store.list(Bucket::Videos, folder).await?;
    let objects = listed.into_iter().map(|meta| Object::new(Bucket::Videos, meta.key));
    Ok(objects.collect::<Result<_, _>>()?)
}
