//! Damaged sources end ready, with a warning that says how much is lost, whichever way they take.

use std::path::Path;

use serde_json::json;

use crate::{
    product::{Flags, Product, data},
    sources::serve,
};

/// Makes a source of 300 pictures and 12 s of sound.
fn make(args: &str, file: &Path) -> Vec<u8> {
    let mut ffmpeg = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=12"]);
    ffmpeg.args(["-f", "lavfi", "-i", "sine=440:d=12"]).args(args.split_ascii_whitespace());
    assert!(ffmpeg.arg(file).status().unwrap().success());
    fs_err::read(file).unwrap()
}

/// Destroys all but the headers of what stands between these parts of a file, out of a hundred.
fn destroy(bytes: &mut [u8], from: usize, to: usize) {
    let (from, to) = (bytes.len() * from / 100, bytes.len() * to / 100);
    bytes[from..to]
        .iter_mut()
        .enumerate()
        .for_each(|(at, byte)| *byte = at.to_le_bytes()[0].wrapping_mul(31));
}

#[tokio::test]
async fn what_a_damaged_source_lost_is_a_warning_with_numbers() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let file = |name: &str| web.path().join(name);
    let coded = "-c:v libx264 -preset ultrafast -g 50 -c:a mp2";
    let copies = |container: &str| {
        // The same damage in a container that is cut where it stands, and in one that is rewritten.
        let clip = file("clip.avi");
        let mut bytes = make("-c:v mpeg4 -g 25 -q:v 4 -an", &clip);
        let end = bytes.windows(4).rposition(|word| word == b"idx1").unwrap();
        destroy(&mut bytes[..end], 40, 50);
        fs_err::write(&clip, bytes).unwrap();
        let mut ffmpeg = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
        ffmpeg.args(["-v", "quiet", "-y", "-i"]).arg(&clip).args(["-c", "copy"]);
        assert!(ffmpeg.arg(file(container)).status().unwrap().success());
    };
    copies("pictures.mkv");
    fs_err::rename(file("clip.avi"), file("pictures.avi")).unwrap();
    let mut sound = make("-c:v mpeg4 -c:a ac3 -q:v 31", &file("sound.avi"));
    for number in 0..sound.len() - 2 {
        let within = (sound.len() / 3..sound.len() / 2).contains(&number);
        if within && sound[number..].starts_with(&[0x0b, 0x77]) {
            destroy(&mut sound[number..number + 400], 0, 100);
        }
    }
    fs_err::write(file("sound.avi"), sound).unwrap();
    let cut = make(&format!("{coded} -flags +ildct+ilme"), &file("cut.ts"));
    fs_err::write(file("cut.ts"), &cut[cut.len() / 10 / 188 * 188..]).unwrap();
    let healthy = make(coded, &file("healthy.avi"));
    assert!(!healthy.is_empty());

    let base = serve(web.path().to_owned()).await;
    let mut posted = Vec::new();
    for (name, words) in [
        ("pictures.mkv", Some("pictures decoded")),
        ("pictures.avi", Some("of 300 pictures decoded")),
        ("sound.avi", Some("the sound is damaged")),
        ("cut.ts", Some("stand before the first that can be decoded")),
        ("healthy.avi", None),
    ] {
        let options = json!({"preset": "ultrafast"});
        posted.push((name, words, product.submit(&format!("{base}/{name}"), options).await));
    }
    for (name, words, id) in posted {
        let video = product.ready(&id).await;
        let warnings = video["warnings"].as_array().unwrap();
        match words {
            None => assert!(warnings.is_empty(), "{name}: {warnings:?}"),
            Some(words) => assert!(
                warnings.iter().any(|it| it["code"] == "damaged_media"
                    && it["message"].as_str().unwrap().contains(words)),
                "{name}: {warnings:?}"
            ),
        }
    }
}
