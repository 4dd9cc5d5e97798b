//! Decodes a track and folds it into peaks as it comes: memory does not grow with its length
//! beyond the peaks themselves.

use std::time::Duration;

use media::{
    plan::AudioPlan,
    waveform::{Peaks, Scale, Waveform},
};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;

use crate::child::movement::Movement;
use crate::failure::judge;
use crate::run::{read_log, unreadable};
use crate::{Error, Input, Tools, args};

/// Longest wait for the next samples.
const STALL: Duration = Duration::from_secs(30);
/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// Bytes of one sample of both channels.
const SAMPLE: usize = 4;

/// Gathers the peaks of the sound of a plan; `on_samples` hears how many samples are in.
pub async fn waveform(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    mut on_samples: impl FnMut(u64) + Send,
) -> Result<Waveform, Error> {
    let scale = Scale::of(plan);
    let command = tools.ffmpeg().args(args::waveform(input, plan, scale));
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let mut peaks = Peaks::new(scale);
    let samples = async {
        let mut movement = Movement::of(&child, STALL);
        if let Some(stdout) = stdout {
            follow(&mut movement, stdout, &mut peaks, &mut on_samples).await?;
        }
        movement.wait(child.wait()).await?
    };
    let (status, log) = tokio::try_join!(samples, read_log(stderr))?;
    judge(child.program(), status, &log)?;
    Ok(peaks.finish())
}

/// Reads samples to the end of the pipe.
async fn follow(
    movement: &mut Movement,
    mut pipe: ChildStdout,
    peaks: &mut Peaks,
    on_samples: &mut (impl FnMut(u64) + Send),
) -> Result<(), Error> {
    let (mut buffer, mut held, mut count) = (vec![0; BUFFER], 0, 0);
    loop {
        let read = movement.wait(pipe.read(&mut buffer[held..])).await?.map_err(unreadable)?;
        movement.moved();
        if read == 0 {
            return Ok(());
        }
        held += read;
        let whole = held - held % SAMPLE;
        for &[a, b, c, d] in buffer[..whole].as_chunks::<SAMPLE>().0 {
            peaks.push(i16::from_le_bytes([a, b]), i16::from_le_bytes([c, d]));
            count += 1;
        }
        buffer.copy_within(whole..held, 0);
        held -= whole;
        on_samples(count);
    }
}
