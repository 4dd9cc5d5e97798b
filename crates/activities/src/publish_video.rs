//! Writes the master playlist. Run twice, it writes the same text twice.

use contract::publish_video::{Input, Output};
use storage::layout::Layout;

use crate::{Deps, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let object = Layout::new(input.video).master()?;
    deps.store.put_bytes(&object, input.master).await?;
    Ok(())
}
