//! Decodes what was made, to look at pixels and to listen.

use std::path::Path;

/// One picture in gray, row by row.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) luma: Vec<u8>,
}

/// The picture at `seconds`, scaled to `width` times `height`.
pub(crate) fn picture(input: &Path, seconds: f64, width: usize, height: usize) -> Picture {
    // Sought in the output, by decoding: ffmpeg does not seek in fragmented HLS reliably.
    let at = seconds.to_string();
    let scale = format!("scale={width}:{height},format=gray");
    let args = ["-ss", &at, "-an", "-frames:v", "1", "-vf", &scale, "-f", "rawvideo"];
    let luma = ffmpeg(input, &args);
    assert_eq!(luma.len(), width * height, "no picture at {seconds} s of {}", input.display());
    Picture { width, height, luma }
}

impl Picture {
    /// Mean luma of the whole picture, 0 to 255.
    pub(crate) fn mean(&self) -> f64 {
        self.luma.iter().map(|&luma| f64::from(luma)).sum::<f64>() / self.luma.len() as f64
    }

    /// Mean difference to another picture within a part, given in percent of width and height.
    pub(crate) fn difference(&self, other: &Self, x: [usize; 2], y: [usize; 2]) -> f64 {
        let pixels = |percent: usize, side: usize| percent * side / 100;
        let (mut sum, mut count) = (0.0, 0.0);
        for row in pixels(y[0], self.height)..pixels(y[1], self.height) {
            for column in pixels(x[0], self.width)..pixels(x[1], self.width) {
                let at = row * self.width + column;
                sum += f64::from(self.luma[at].abs_diff(other.luma[at]));
                count += 1.0;
            }
        }
        sum / count
    }
}

/// Integrated loudness in LUFS, by ffmpeg's `ebur128`, which shares no code with `loudnorm`'s own
/// normalization.
pub(crate) fn loudness(input: &Path) -> f64 {
    let output = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap())
        .args(["-hide_banner", "-nostdin", "-v", "info", "-i"])
        .arg(input)
        .args(["-vn", "-af", "ebur128=framelog=verbose", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let summary = said.rsplit("Integrated loudness:").next().unwrap();
    let value = summary.lines().find_map(|line| line.trim().strip_prefix("I:")).unwrap();
    value.trim().trim_end_matches("LUFS").trim().parse().unwrap()
}

fn ffmpeg(input: &Path, args: &[&str]) -> Vec<u8> {
    let output = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap())
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(input)
        .args(args)
        .arg("-")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
