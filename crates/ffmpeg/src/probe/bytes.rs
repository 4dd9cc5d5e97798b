//! The bytes of a source as they are: for what ffmpeg does not tell of its container.

use std::time::Duration;

use media::flv;
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
/// Bytes of an FLV file in which the first pictures are looked for.
const FLV_HEAD: usize = 4 << 20;

/// What the tables of a transport stream say.
pub(super) async fn programmes(tools: &Tools, input: &Input) -> Result<Programmes, Error> {
    let mut programmes = Programmes::new();
    read(tools, input, |bytes| {
        programmes.push(bytes);
        true
    })
    .await?;
    Ok(programmes)
}

/// The codec of the pictures of an FLV file by its extended name (Enhanced RTMP), which ffmpeg before
/// 6.1 takes for another; `None` where it has none.
pub(super) async fn extended_codec(tools: &Tools, input: &Input) -> Result<Option<[u8; 4]>, Error> {
    let mut head = Vec::new();
    read(tools, input, |bytes| {
        head.extend(bytes);
        head.len() < FLV_HEAD
    })
    .await?;
    Ok(flv::extended_codec(&head))
}

/// Hands on all bytes, or as many as `more` asks for.
async fn read(
    tools: &Tools,
    input: &Input,
    mut more: impl FnMut(&[u8]) -> bool,
) -> Result<(), Error> {
    let command = tools
        .ffmpeg()
        .args(["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+error"])
        .args(byte_args(input))
        .args(["-map", "0", "-c", "copy", "-f", "data", "pipe:1"]);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let bytes = async {
        let mut movement = Movement::of(&child, STALL);
        if let Some(mut stdout) = stdout {
            let mut buffer = vec![0; BUFFER];
            loop {
                let read = movement.wait(stdout.read(&mut buffer)).await?.map_err(unreadable)?;
                movement.moved();
                if read == 0 {
                    break;
                }
                if !more(&buffer[..read]) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(movement.wait(child.wait()).await??))
    };
    // A child whose pipe is closed ends; what it says of that does not count.
    let (status, log) = tokio::try_join!(bytes, read_log(stderr))?;
    status.map_or(Ok(()), |status| child.judge(status, &log))
}
