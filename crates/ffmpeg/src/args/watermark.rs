//! The runs that draw a watermark: text on a transparent canvas, cropped to its ink, or a scaled
//! image.
//! All write one PNG with transparency.
//!
//! File names in graphs are constants below the run's working folder: no user input is ever part of
//! a graph.

use std::{ffi::OsString, path::Path};

use media::watermark::Ink;

use super::Args;
use crate::input::{Input, still_args};

/// The script that [`letters`] draws.
pub(crate) const SCRIPT: &str = "text.ass";
/// What [`letters`] draws.
pub(crate) const CANVAS: &str = "canvas.png";
/// Where [`letters`] says what it drew; see [`ink`].
pub(crate) const INK: &str = "ink.txt";

/// Arguments that draw [`SCRIPT`] on a transparent canvas. libass finds fonts and shapes letters.
pub(crate) fn letters(canvas: (u32, u32)) -> Vec<OsString> {
    let (width, height) = canvas;
    let mut args = Args::default();
    args.pair("-filter_complex_threads", "1").pair(
        "-filter_complex",
        format!(
            "color=c=black@0:s={width}x{height}:r=1,format=rgba,\
             ass=f={SCRIPT}:alpha=1:shaping=complex,split[drawn][look];\
             [look]alphaextract,bbox=min_val=0,metadata=mode=print:file={INK}[seen]"
        ),
    );
    args.words("-map [drawn]");
    png(&mut args, CANVAS);
    args.words("-map [seen] -frames:v 1 -f null -");
    args.0
}

/// Arguments that cut [`CANVAS`] around its ink.
pub(crate) fn cut(ink: Ink, opacity: f64, output: &Path) -> Vec<OsString> {
    let Ink { left, top, width, height } = ink;
    let graph = format!("crop={width}:{height}:{left}:{top},{}", faded(opacity));
    still(&Input::Path(CANVAS.into()), &graph, output)
}

/// Arguments that bring an image to fit into `within`, its proportions kept. Colours are scaled
/// together with their transparency, or what is invisible would bleed into the edges.
pub(crate) fn image(
    input: &Input,
    within: (u32, u32),
    opacity: f64,
    output: &Path,
) -> Vec<OsString> {
    let (width, height) = within;
    let graph = format!(
        "format=rgba,format=gbrap,premultiply=inplace=1,\
         scale={width}:{height}:force_original_aspect_ratio=decrease:flags=bicubic,setsar=1,\
         unpremultiply=inplace=1,format=rgba,{}",
        faded(opacity)
    );
    still(input, &graph, output)
}

fn still(input: &Input, graph: &str, output: &Path) -> Vec<OsString> {
    let mut args = Args::default();
    args.extend(still_args(input)).pair("-filter_threads", "1").pair("-vf", graph);
    png(&mut args, output);
    args.0
}

/// One PNG; `image2pipe` takes any file name, where `image2` would read a pattern.
fn png(args: &mut Args, output: impl AsRef<Path>) {
    args.words("-frames:v 1 -c:v png -map_metadata -1 -fflags +bitexact -f image2pipe");
    args.output(output.as_ref());
}

fn faded(opacity: f64) -> String {
    format!("colorchannelmixer=aa={opacity:.4}")
}

/// Reads what [`letters`] saw; `None` when the canvas stayed empty.
pub(crate) fn ink(said: &str) -> Option<Ink> {
    let value = |name: &str| {
        let line =
            said.lines().find_map(|line| line.strip_prefix("lavfi.bbox.")?.strip_prefix(name));
        line?.strip_prefix('=')?.trim().parse().ok()
    };
    Some(Ink { left: value("x1")?, top: value("y1")?, width: value("w")?, height: value("h")? })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::joined;

    #[test]
    fn letters_are_drawn_and_measured_in_one_run() {
        expect![[r"
            -filter_complex_threads 1
            -filter_complex color=c=black@0:s=1476x916:r=1,format=rgba,ass=f=text.ass:alpha=1:shaping=complex,split[drawn][look];[look]alphaextract,bbox=min_val=0,metadata=mode=print:file=ink.txt[seen]
            -map [drawn]
            -frames:v 1
            -c:v png
            -map_metadata -1
            -fflags +bitexact
            -f image2pipe canvas.png
            -map [seen]
            -frames:v 1
            -f null
            -
        "]].assert_eq(&joined(&letters((1476, 916))));
    }

    #[test]
    fn the_cut_keeps_nothing_but_ink() {
        let ink = Ink { left: 219, top: 173, width: 472, height: 120 };
        expect![[r"
            -max_pixels 67108864
            -protocol_whitelist file
            -format_whitelist png_pipe,apng,jpeg_pipe,webp_pipe,gif,gif_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,qoi_pipe
            -i file:canvas.png
            -filter_threads 1
            -vf crop=472:120:219:173,colorchannelmixer=aa=0.7000
            -frames:v 1
            -c:v png
            -map_metadata -1
            -fflags +bitexact
            -f image2pipe /out/mark.png
        "]].assert_eq(&joined(&cut(ink, 0.7, Path::new("/out/mark.png"))));
    }

    #[test]
    fn an_image_is_fitted() {
        let input = Input::Path("/in/image".into());
        expect![[r"
            -max_pixels 67108864
            -protocol_whitelist file
            -format_whitelist png_pipe,apng,jpeg_pipe,webp_pipe,gif,gif_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,qoi_pipe
            -i file:/in/image
            -filter_threads 1
            -vf format=rgba,format=gbrap,premultiply=inplace=1,scale=192:676:force_original_aspect_ratio=decrease:flags=bicubic,setsar=1,unpremultiply=inplace=1,format=rgba,colorchannelmixer=aa=1.0000
            -frames:v 1
            -c:v png
            -map_metadata -1
            -fflags +bitexact
            -f image2pipe /out/mark.png
        "]].assert_eq(&joined(&image(
            &input,
            (192, 676),
            1.0,
            Path::new("/out/mark.png"),
        )));
    }

    #[test]
    fn the_box_around_the_ink_is_read() {
        let said = "frame:0    pts:0       pts_time:0\nlavfi.bbox.x1=219\nlavfi.bbox.x2=690\n\
                    lavfi.bbox.y1=173\nlavfi.bbox.y2=292\nlavfi.bbox.w=472\nlavfi.bbox.h=120\n";
        assert_eq!(ink(said), Some(Ink { left: 219, top: 173, width: 472, height: 120 }));
        assert_eq!(ink("frame:0    pts:0       pts_time:0\n"), None);
        assert_eq!(ink(""), None);
    }
}
