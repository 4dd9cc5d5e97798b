//! Where a transport stream changes to another programme: its bytes, read once more.

use std::time::Duration;

use media::transport::Programmes;
use tokio::io::AsyncReadExt as _;

use crate::child::movement::Movement;
use crate::input::byte_args;
use crate::run::{read_log, unreadable};
use crate::{Error, Input, Tools};

/// Longest wait for the next bytes.
const STALL: Duration = Duration::from_mins(1);
/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// Byte at which each programme but the first begins.
pub(super) async fn changes(tools: &Tools, input: &Input) -> Result<Vec<u64>, Error> {
    let command = tools
        .ffmpeg()
        .args(["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+error"])
        .args(byte_args(input))
        .args(["-map", "0", "-c", "copy", "-f", "data", "pipe:1"]);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let programmes = async {
        let mut movement = Movement::of(&child, STALL);
        let mut programmes = Programmes::new();
        if let Some(mut stdout) = stdout {
            let mut buffer = vec![0; BUFFER];
            loop {
                let read = movement.wait(stdout.read(&mut buffer)).await?.map_err(unreadable)?;
                movement.moved();
                if read == 0 {
                    break;
                }
                programmes.push(&buffer[..read]);
            }
        }
        Ok((programmes.changes(), movement.wait(child.wait()).await??))
    };
    let ((changes, status), log) = tokio::try_join!(programmes, read_log(stderr))?;
    child.judge(status, &log)?;
    Ok(changes)
}
