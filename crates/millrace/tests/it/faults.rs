//! Small files that once came out wrong, each for a whole kind, and what is right for each: as an
//! independent reading of the file has it, not as the product has it.

mod reading;
mod table;

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

use self::{
    reading::{Pictures, Sound},
    table::{Heard, ROWS, Right, Row, Shown},
};
use crate::{
    hls,
    product::{Flags, Product, data, outputs},
    sources::serve,
};

/// A picture or a sound this far from its place is still in step, in seconds (EBU R 37 allows 40 ms).
const IN_STEP: f64 = 0.03;
/// A silence longer than this is a gap, in seconds.
const GAP: f64 = 0.02;

/// Names files to run, between commas, in place of all.
const ONLY: &str = "MILLRACE_FAULT";

#[tokio::test]
async fn every_file_that_came_out_wrong_comes_out_right() {
    let Some(folder) = fixtures::faults() else { return };
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let only = std::env::var(ONLY).ok();
    let wanted = |row: &&Row| match &only {
        Some(names) => names.split(',').any(|name| name == row.file),
        None => true,
    };
    let base = serve(folder.clone()).await;
    let mut posted = Vec::new();
    for row in ROWS.iter().filter(wanted) {
        let options = json!({"resolutions": ["360p"], "preset": "ultrafast"});
        posted.push((row, product.submit(&format!("{base}/{}", row.file), options).await));
    }
    let mut wrong = Vec::new();
    for (row, id) in &posted {
        let video = product.ended(id).await;
        let (source, made) = (folder.join(row.file), outputs(data.path(), id));
        let row: &'static Row = row;
        let check = move || check(row, &video, &source, &made);
        if let Err(failed) = tokio::task::spawn_blocking(check).await {
            let panic = failed.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            wrong.push(format!("{}: {}", row.file, text.unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), posted.len(), wrong.join("\n"));
}

#[test]
fn every_file_beside_the_checkout_has_a_row() {
    let Some(folder) = fixtures::faults() else { return };
    let names = fs_err::read_dir(folder).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let there: BTreeSet<_> = names.filter(|name| name != "INDEX.md").collect();
    let listed: BTreeSet<_> = ROWS.iter().map(|row| row.file.to_owned()).collect();
    assert_eq!(there, listed);
    assert_eq!(listed.len(), ROWS.len(), "a file has two rows");
}

fn check(row: &Row, video: &Value, source: &Path, made: &Path) {
    match &row.right {
        Right::Refused(code, words) => {
            assert_eq!(video["status"], "failed", "{video:#}");
            assert_eq!(video["error"]["code"], *code, "{}", video["error"]);
            let message = video["error"]["message"].as_str().unwrap();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
        Right::Ready(shown, heard) => {
            assert_eq!(video["status"], "ready", "{}", video["error"]);
            warnings(row, video);
            if let Some(texts) = row.texts {
                let outputs = &video["outputs"];
                let found = (&outputs["subtitles"][0]["cues"], &outputs["chapters"]["count"]);
                assert_eq!(found, (&json!(texts.0), &json!(texts.1)), "cues and chapters");
            }
            let origin = check_pictures(row, shown, video, source, made);
            check_sound(row, heard, video, made, origin);
        }
    }
}

fn warnings(row: &Row, video: &Value) {
    // Sources of 180 lines have no 360p.
    let rung = |warning: &&Value| warning["code"] != "rung_dropped";
    let told: Vec<_> = video["warnings"].as_array().unwrap().iter().filter(rung).collect();
    assert_eq!(told.len(), row.warnings.len(), "warnings: {told:#?}");
    for (code, words) in row.warnings {
        let found = told.iter().any(|warning| {
            let message = warning["message"].as_str().unwrap();
            warning["code"] == *code && words.iter().all(|word| message.contains(word))
        });
        assert!(found, "no warning {code} {words:?} in {told:#?}");
    }
}

/// Checks the pictures; gives the time in the output at which the first one is shown.
fn check_pictures(row: &Row, shown: &Shown, video: &Value, source: &Path, made: &Path) -> f64 {
    if matches!(shown, Shown::Nothing) {
        assert_eq!(video["outputs"]["renditions"], json!([]));
        return 0.0;
    }
    let name = video["outputs"]["renditions"][0]["name"].as_str().unwrap();
    let rendition = hls::rendition(&made.join(name));
    rendition.assert_continuous();
    let seconds = rendition.extinf;
    assert!((seconds - row.seconds).abs() < 0.1, "{seconds} s of {} s of pictures", row.seconds);
    let longest = seconds / rendition.segments.len() as f64;
    assert!(longest < 12.0, "{} segments in {seconds} s", rendition.segments.len());
    let playlist = made.join(name).join("index.m3u8");
    let pictures = Pictures::read(&playlist, row.views, row.size);
    assert_eq!(pictures.size, row.size);
    let first = rendition.pts[0];
    let times: Vec<_> =
        rendition.pts.iter().map(|pts| (pts - first) as f64 * rendition.tick).collect();
    let frame = times.get(1).copied().unwrap_or(row.seconds);
    assert_eq!(pictures.counters.len(), times.len(), "pictures decoded, and packets");
    let steps = match shown {
        Shown::Nothing => unreachable!("there are pictures"),
        Shown::Counted(fps, runs) => {
            assert!((1.0 / frame - fps).abs() < 0.001, "{} pictures a second", 1.0 / frame);
            let wanted = row.seconds * fps;
            let off = (times.len() as f64 - wanted).abs();
            assert!(off < 1.1, "{} pictures of {wanted}", times.len());
            table::steps(*fps, runs)
        }
        Shown::AsSource => reading::steps(source),
        Shown::Colours(colours) => {
            reading::assert_colours(&playlist, colours);
            return first as f64 * rendition.tick;
        }
    };
    let found = reading::appearances(&times, &pictures.counters);
    reading::assert_same_steps(&found, &steps, frame);
    row.bars.iter().for_each(|bar| reading::assert_black(&playlist, bar));
    if let Some(least) = row.psnr {
        reading::assert_alike(&playlist, source, least);
    }
    first as f64 * rendition.tick
}

fn check_sound(row: &Row, heard: &Heard, video: &Value, made: &Path, origin: f64) {
    let renditions = video["outputs"]["audio"].as_array().unwrap();
    if matches!(heard, Heard::Nothing) {
        assert_eq!(renditions.len(), 0, "{renditions:#?}");
        return;
    }
    let folder = made.join(renditions[0]["name"].as_str().unwrap());
    // The pictures begin two frames after their decode time (ADR 0002), and silence covers that.
    let seconds = hls::rendition(&folder).extinf - origin;
    assert!((seconds - row.seconds).abs() < 0.12, "{seconds} s of {} s of sound", row.seconds);
    let sound = Sound::read(&folder.join("index.m3u8"), origin);
    let gap = sound.longest_silence(0.0, row.seconds - 0.1);
    assert!(gap.1 < GAP, "{:.3} s of silence at {:.3} s", gap.1, gap.0);
    match heard {
        Heard::Nothing => {}
        Heard::Chirp(runs) => {
            for &(from, to, plus) in *runs {
                for at in reading::places(from, to) {
                    let place = sound.chirp(at);
                    let late = at + plus - place;
                    assert!(
                        late.abs() < IN_STEP,
                        "the sound of {place:.3} s is heard at {at:.3} s, where that of {:.3} s belongs",
                        at + plus
                    );
                }
            }
        }
        Heard::Tone(hertz) => {
            for at in reading::places(0.0, row.seconds) {
                let found = sound.frequency(at);
                assert!((found - hertz).abs() < 5.0, "{found:.1} Hz at {at:.3} s");
            }
        }
    }
}
