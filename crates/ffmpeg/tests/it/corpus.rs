//! Every file of the corpus of real media either has these facts or is refused in this way.

use std::fmt::Write as _;
use std::path::Path;

use ffmpeg::{Error, Input, Tools};
use media::source::SourceFacts;

/// One line per file; files that a corpus does not hold are not asked for. With `UPDATE_EXPECT` set
/// the facts found replace it.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/corpus.txt");
/// Probes at the same time.
const PARALLEL: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_described_or_refused() {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    let golden = fs_err::read_to_string(GOLDEN).unwrap();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names: Vec<String> = if update {
        let entries = fs_err::read_dir(&corpus).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    } else {
        golden.lines().map(|line| line.split(" | ").next().unwrap().to_owned()).collect()
    };
    names.retain(|name| name != "INDEX.md" && corpus.join(name).is_file());
    names.sort();
    let found = describe_all(&tools, &corpus, &names).await;
    if update {
        fs_err::write(GOLDEN, found.join("\n") + "\n").unwrap();
        return;
    }
    assert!(!found.is_empty());
    let wrong: Vec<_> = found.iter().filter(|line| !golden.lines().any(|l| l == *line)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn describe_all(tools: &Tools, corpus: &Path, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for some in names.chunks(PARALLEL) {
        let mut running = tokio::task::JoinSet::new();
        for name in some {
            let (tools, input) = (tools.clone(), Input::Path(corpus.join(name)));
            let name = name.clone();
            running.spawn(async move { describe(&tools, &name, &input).await });
        }
        found.extend(running.join_all().await);
    }
    found.sort();
    found
}

async fn describe(tools: &Tools, name: &str, input: &Input) -> String {
    let probing = ffmpeg::probe(tools, input, |_| {});
    match tokio::time::timeout(fixtures::PATIENCE, probing).await.unwrap() {
        Ok(facts) => format!("{name} | {}", summary(&facts)),
        Err(error) => format!("{name} | refused: {}", class(&error)),
    }
}

fn class(error: &Error) -> String {
    match error {
        Error::InvalidData { detail } => format!("InvalidData ({detail})"),
        Error::NoStreams => "NoStreams".into(),
        Error::UnsupportedCodec { kind, codec } => format!("UnsupportedCodec ({kind} {codec})"),
        other => format!("{other:?}"),
    }
}

fn summary(facts: &SourceFacts) -> String {
    let mut text = facts.container.split(',').next().unwrap_or_default().to_owned();
    if let Some(video) = &facts.video {
        let (line, (num, den)) = (&video.timeline, video.sample_aspect);
        let _ = write!(
            text,
            ", #{} {} {} {}x{} {num}:{den} {:?}{}, {} {} {} of {} pictures at {} µs",
            video.stream,
            video.codec,
            video.pixel_format,
            video.coded_width,
            video.coded_height,
            video.rotation,
            if video.mirrored { " mirrored" } else { "" },
            line.rate,
            if line.constant { "constant" } else { "variable" },
            line.frames,
            video.packets,
            line.start_us(),
        );
        if let Some(promised) = video.frames_promised.filter(|&promised| promised != video.packets)
        {
            let _ = write!(text, " ({promised} promised)");
        }
    }
    for audio in &facts.audio {
        let (rate, channels) = (audio.sample_rate, audio.channels);
        let (stream, codec, start, end) =
            (audio.stream, &audio.codec, audio.start_us, audio.end_us);
        let _ = write!(text, ", #{stream} {codec} {channels}ch {rate} Hz {start}..{end} µs");
    }
    for reason in &facts.non_standard {
        let _ = write!(text, ", {}", reason.as_str());
    }
    if facts.demux_errors > 0 {
        let _ = write!(text, ", {} demux errors", facts.demux_errors);
    }
    text
}
