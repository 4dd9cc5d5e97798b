//! How large a value that crosses Temporal may be.
//!
//! A result over the server's limit fails its activity, an input over it fails the workflow task that
//! schedules it, and a failed task is tried again forever. So both are measured before they are
//! sent.

use std::io;

use serde::Serialize;

/// Most bytes of one input, or of the result of a workflow. The server takes 2 MiB
/// (`limit.blobSize.error`) for a payload with its metadata.
pub const BYTES_MAX: usize = (2 << 20) - (64 << 10);
/// Most bytes of the result of an activity: results of several become the input of one.
pub const RESULT_BYTES_MAX: usize = 512 << 10;

/// Bytes of a value as JSON, as it crosses Temporal.
pub fn bytes(value: &impl Serialize) -> usize {
    let mut counted = Counted(0);
    // What cannot be written is refused by Temporal's converter, with the reason.
    serde_json::to_writer(&mut counted, value).map_or(0, |()| counted.0)
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0 += part.len();
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_json() {
        for value in [serde_json::json!({"a": [1, "\"é"]}), serde_json::json!("x".repeat(4 << 20))]
        {
            assert_eq!(bytes(&value), value.to_string().len());
        }
    }
}
