//! Runs real programs: what starts them must also end them, and what reads them must not be fooled.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its functions too")]

mod bombs;
mod child;
mod contained;
mod corpus;
mod damage;
mod hostile;
mod in_step;
mod joints;
mod memory;
mod multiplex;
mod picture;
mod probe;
mod rewriting;
mod run;
mod sound;
mod time;

use std::path::Path;

use ffmpeg::Tools;

/// The real tools, or a printed reason to skip.
fn tools() -> Option<Tools> {
    let ffmpeg = fixtures::require_or_skip("ffmpeg")?;
    Some(Tools { ffmpeg, ffprobe: fixtures::require_or_skip("ffprobe")?, ..Tools::default() })
}

/// Makes a clip with ffmpeg, which must succeed.
async fn make(tools: &Tools, args: &str, output: &Path) {
    let command = ffmpeg::Command::new(&tools.ffmpeg)
        .args(["-v", "error", "-y"])
        .args(args.split_ascii_whitespace())
        .arg(output);
    let made = command.output(fixtures::PATIENCE).await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
