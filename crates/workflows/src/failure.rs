//! From Temporal's failures to the codes and messages that users see.

use contract::{ErrorCode, Failure, text, tries::TRIES_MAX};
use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{Failure as Proto, failure::FailureInfo},
};
use temporalio_sdk::{ActivityExecutionError, ApplicationFailure, WorkflowTermination};

/// Why the pipeline stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The video was cancelled.
    Cancelled,
    /// A step failed for good.
    Failed(Failure),
}

impl Stop {
    pub(crate) fn failed(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Failed(Failure { code, message: text::message(&message.into()) })
    }
}

impl From<ActivityExecutionError> for Stop {
    fn from(error: ActivityExecutionError) -> Self {
        if error.as_cancelled().is_some() {
            return Self::Cancelled;
        }
        match error.failure() {
            Some(proto) => Self::Failed(read(proto)),
            None => Self::failed(ErrorCode::Internal, error.to_string()),
        }
    }
}

/// The innermost failure that one of our activities named, else a time-out, else a fault of ours.
fn read(proto: &Proto) -> Failure {
    let mut timed_out = None;
    let mut last = proto;
    let mut next = Some(proto);
    while let Some(failure) = next {
        match &failure.failure_info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => {
                if let Ok(code) = info.r#type.parse() {
                    return Failure { code, message: text::message(&failure.message) };
                }
            }
            Some(FailureInfo::TimeoutFailureInfo(info)) => {
                timed_out = timed_out.or(Some(info.timeout_type()));
            }
            _ => {}
        }
        last = failure;
        next = failure.cause.as_deref();
    }
    let message = match timed_out {
        Some(TimeoutType::Heartbeat) => format!(
            "its worker was lost again and again: the last of up to {TRIES_MAX} stopped answering"
        ),
        _ => text::message(&last.message),
    };
    let code = if timed_out.is_some() { ErrorCode::TimedOut } else { ErrorCode::Internal };
    Failure { code, message }
}

/// Closes a workflow as failed, with the code as Temporal's failure type.
pub(crate) fn termination(failure: &Failure) -> WorkflowTermination {
    ApplicationFailure::builder(anyhow::anyhow!(failure.message.clone()))
        .type_name(failure.code.as_str().to_owned())
        .non_retryable(true)
        .build()
        .into()
}
