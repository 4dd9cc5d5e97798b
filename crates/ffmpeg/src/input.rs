//! How a source is named to ffmpeg and ffprobe, and what they may do to open it.
//!
//! A source is untrusted input. Without the allow-lists below, a playlist or a concat
//! script in disguise would make ffmpeg read other files and other hosts.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A local file.
    Path(PathBuf),
    /// An object of our own store, as an http URL of this machine that supports ranges; never a
    /// user's URL.
    Url(String),
    /// Bytes of one of the two.
    Part(Box<Input>, Range<u64>),
}

/// Demuxers that read exactly the bytes they are given. Formats that name other files (hls, dash,
/// concat, sdp, image sequences) and single images stay out.
const DEMUXERS: &[&str] = &[
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1",
    "avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe",
    "ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv",
];

/// Demuxers of single pictures, for inputs that are known to be one: watermarks and marks. SVG stays
/// out, because it may name other files.
const STILLS: &str =
    "png_pipe,apng,jpeg_pipe,webp_pipe,gif,gif_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,qoi_pipe";
/// Pixels of a picture that is decoded at most: a few kilobytes can hold a picture of gigabytes.
const STILL_PIXELS_MAX: &str = "67108864";

/// Arguments that open `input` as the next input, `-i` included. Options for that input, such as
/// `-ss`, go before them; the same arguments serve ffprobe.
pub fn input_args(input: &Input) -> Vec<OsString> {
    opening(input, &DEMUXERS.join(","))
}

/// Like [`input_args`], for an input that must be a single picture (of an animation, the first is
/// read with `-frames:v 1`).
pub fn still_args(input: &Input) -> Vec<OsString> {
    let mut args = vec!["-max_pixels".into(), STILL_PIXELS_MAX.into()];
    args.extend(opening(input, STILLS));
    args
}

/// Like [`input_args`], for the bytes of an input as the packets of its only stream.
pub(crate) fn byte_args(input: &Input) -> Vec<OsString> {
    let mut args = ["-f", "data"].map(OsString::from).to_vec();
    args.extend(opening(input, "data"));
    args
}

fn opening(input: &Input, demuxers: &str) -> Vec<OsString> {
    let (network, protocols, name) = address(input);
    let (protocol_flag, demuxer_flag) = ("-protocol_whitelist", "-format_whitelist");
    let mut args: Vec<OsString> = network.iter().map(OsString::from).collect();
    args.extend([protocol_flag, &protocols, demuxer_flag, demuxers, "-i"].map(OsString::from));
    args.push(name);
    args
}

/// Options, protocols and name of an input.
fn address(input: &Input) -> (&'static [&'static str], String, OsString) {
    match input {
        // The prefix keeps a name that starts with `-` or holds a `:` a plain name.
        Input::Path(path) => {
            let mut name = OsString::from("file:");
            name.push(path);
            (&[], "file".to_owned(), name)
        }
        // Without the empty option, ffmpeg asks the proxy that the environment names for it.
        Input::Url(url) => (&["-http_proxy", ""], "http,tcp".to_owned(), OsString::from(url)),
        Input::Part(whole, bytes) => {
            let (network, protocols, whole) = address(whole);
            let range = format!("subfile,,start,{},end,{},,:", bytes.start, bytes.end);
            let mut name = OsString::from(range);
            name.push(whole);
            (network, format!("subfile,{protocols}"), name)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn args(input: &Input) -> Vec<OsString> {
        input_args(input)
    }

    #[test]
    fn a_path_is_only_ever_a_file() {
        let args = args(&Input::Path("-i leading:dash.mp4".into()));
        assert_eq!(args[..2], ["-protocol_whitelist", "file"]);
        assert_eq!(args[4..], ["-i", "file:-i leading:dash.mp4"]);
    }

    #[test]
    fn a_path_that_is_no_text_stays_itself() {
        let path = PathBuf::from(OsString::from_vec(b"/in/\xff.mp4".to_vec()));
        let name = args(&Input::Path(path)).pop().unwrap();
        assert_eq!(name.into_vec(), b"file:/in/\xff.mp4");
    }

    #[test]
    fn a_part_is_read_as_the_whole_is() {
        let part = |whole| args(&Input::Part(Box::new(whole), 10..20));
        let of_path = part(Input::Path("/in/a.ts".into()));
        assert_eq!(of_path[1], "subfile,file");
        assert_eq!(of_path[5], "subfile,,start,10,end,20,,:file:/in/a.ts");
        let of_url = part(Input::Url("http://127.0.0.1:9/key".into()));
        assert_eq!(of_url[..4], ["-http_proxy", "", "-protocol_whitelist", "subfile,http,tcp"]);
        assert_eq!(of_url[7], "subfile,,start,10,end,20,,:http://127.0.0.1:9/key");
    }

    #[test]
    fn a_url_reaches_no_file() {
        let args = args(&Input::Url("http://127.0.0.1:9/key".into()));
        assert_eq!(args[..4], ["-http_proxy", "", "-protocol_whitelist", "http,tcp"]);
        assert_eq!(args[7], "http://127.0.0.1:9/key");
    }

    #[test]
    fn formats_that_name_other_files_are_not_listed() {
        let listed: Vec<&str> = DEMUXERS.iter().flat_map(|names| names.split(',')).collect();
        for followed in ["hls", "dash", "concat", "concatf", "sdp", "rtsp", "image2", "jpeg_pipe"] {
            assert!(!listed.contains(&followed), "{followed}");
        }
        assert!(listed.contains(&"mp4") && listed.contains(&"webm"));
    }

    #[test]
    fn a_picture_is_only_ever_one_file() {
        let args = still_args(&Input::Path("/a.png".into()));
        assert_eq!(args[2..4], ["-protocol_whitelist", "file"]);
        let listed: Vec<&str> = STILLS.split(',').collect();
        for refused in ["svg_pipe", "image2", "image2pipe", "hls", "mov", "concat"] {
            assert!(!listed.contains(&refused), "{refused}");
        }
        assert!(listed.contains(&"png_pipe"));
    }
}
