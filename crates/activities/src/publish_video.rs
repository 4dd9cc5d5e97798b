//! Writes the master playlist, after it has made every other one absolute where that was asked for.
//! Run twice, it writes the same texts twice.

use contract::publish_video::{Input, Output};
use media::playlist::{is_playlist, made_absolute};
use storage::{Bucket, Object, layout::Layout};

use crate::{Deps, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let object = layout.master()?;
    let Some(base) = &input.base else {
        return Ok(deps.store.put_bytes(&object, input.master).await?);
    };
    let listed = deps.store.list(Bucket::Videos, &layout.outputs_prefix()).await?;
    for meta in listed.into_iter().filter(|meta| is_playlist(&meta.key)) {
        let playlist = Object::new(Bucket::Videos, meta.key)?;
        let text = deps.store.get_bytes(&playlist).await?;
        let text = made_absolute(&String::from_utf8_lossy(&text), base, playlist.key());
        deps.store.put_bytes(&playlist, text).await?;
    }
    let master = made_absolute(&input.master, base, object.key());
    Ok(deps.store.put_bytes(&object, master).await?)
}
