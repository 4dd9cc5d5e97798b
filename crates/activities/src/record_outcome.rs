//! Writes how an attempt ended, and answers the message that a webhook is now due. Run twice, the
//! second run finds both written.

use catalog::Finished;
use contract::{
    delivery,
    record_outcome::{Due, Input, Output},
};

use crate::{Deps, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let Finished { moved, delivery } = deps.catalog.finish(&input).await?;
    tracing::info!(video = %input.video, attempt = input.attempt, ?moved, "ended");
    let message = delivery.map(|it| deps.catalog.vouch(delivery::Input::first(it))).transpose()?;
    Ok(message.map(Due::Message))
}
