//! One call of an activity: what is too large for Temporal fails the step, in place of a workflow task
//! that is tried again forever.

use contract::{ErrorCode, payload};
use serde::Serialize;
use temporalio_common::ActivityDefinition;
use temporalio_sdk::ActivityOptions;

use super::Context;
use crate::failure::Stop;

/// Runs an activity to its end.
pub(super) async fn run<A>(
    ctx: &Context,
    activity: A,
    input: A::Input,
    options: ActivityOptions,
) -> Result<A::Output, Stop>
where
    A: ActivityDefinition,
    A::Input: Serialize,
{
    fits("what a step is given", &input)?;
    Ok(ctx.execute_activity(activity, input, options).await?)
}

/// Refuses a value that Temporal would not take.
pub(super) fn fits(what: &str, value: &impl Serialize) -> Result<(), Stop> {
    let (bytes, most) = (payload::bytes(value), payload::BYTES_MAX);
    if bytes > most {
        let message =
            format!("{what} about this source has {bytes} bytes; at most {most} are taken");
        return Err(Stop::failed(ErrorCode::SourceTooLarge, message));
    }
    Ok(())
}
