//! Files whose headers were changed by somebody who knows where: each is named for what it is, at once.

use std::path::{Path, PathBuf};

use ffmpeg::{Error, Input, Tools};

use crate::make;

/// A small film, with its index at the end.
async fn film(tools: &Tools, dir: &Path) -> Vec<u8> {
    let clip = dir.join("film.mp4");
    let args = "-f lavfi -i testsrc2=d=1:s=128x96 -f lavfi -i sine=d=1 -pix_fmt yuv420p -c:v libx264 \
                -preset ultrafast -c:a aac";
    make(tools, args, &clip).await;
    fs_err::read(clip).unwrap()
}

/// Where something stands in a file, and how much of it is overwritten with which byte.
type Change = (&'static [u8], usize, usize, u8);

fn changed(whole: &[u8], dir: &Path, name: &str, (mark, from, count, with): Change) -> PathBuf {
    let mut bytes = whole.to_vec();
    let at = bytes.windows(mark.len()).position(|it| it == mark).unwrap() + mark.len() + from;
    bytes[at..at + count].fill(with);
    let path = dir.join(name);
    fs_err::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn a_decoder_that_gets_nonsense_is_the_files_fault() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let film = film(&tools, dir.path()).await;
    let tone = dir.path().join("tone.wav");
    make(&tools, "-f lavfi -i sine=d=1", &tone).await;
    let tone = fs_err::read(tone).unwrap();
    // What AAC's decoder is configured with (ISO/IEC 14496-1, DecoderSpecificInfo), and the channels
    // of a `fmt ` chunk.
    let config = &[5, 0x80, 0x80, 0x80][..];
    for (name, whole, change) in [
        ("ones.mp4", &film, (config, 1, 2, 0xff)),
        ("zeros.mp4", &film, (config, 1, 2, 0)),
        ("silent.wav", &tone, (&b"fmt "[..], 6, 2, 0)),
        ("crowd.wav", &tone, (&b"fmt "[..], 6, 2, 0xff)),
    ] {
        let path = changed(whole, dir.path(), name, change);
        let probed = ffmpeg::probe(&tools, &Input::Path(path), |_| {}).await;
        let Err(Error::InvalidData { detail }) = probed else { panic!("{name}: {probed:?}") };
        assert!(detail.ends_with("does not say what its decoder needs"), "{name}: {detail}");
    }
    // The control: what was not changed is read.
    let path = changed(&film, dir.path(), "whole.mp4", (config, 0, 0, 0));
    ffmpeg::probe(&tools, &Input::Path(path), |_| {}).await.unwrap();
}
