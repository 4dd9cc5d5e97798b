//! Small inputs that were large work: what each may take until it is done or named.

use std::path::Path;
use std::time::Duration;

use ffmpeg::{Error, Input, Tools};
use media::bounds::SourceLimits;
use nix::sys::resource::{UsageWho, getrusage};

use crate::{make, sound};

const MIB: u64 = 1 << 20;
/// Memory of a child that decodes no large picture.
const LITTLE: u64 = 192 * MIB;

/// The tools, with so little memory for each run that a bomb that goes off is seen.
fn tools(memory: u64) -> Option<Tools> {
    crate::tools().map(|tools| Tools { memory: Some(memory), ..tools })
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The most memory that any program had that this process has waited for, in bytes.
fn children_peak() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    u64::try_from(usage.max_rss()).unwrap() * 1024
}

#[tokio::test]
async fn sound_with_a_gap_takes_no_memory_for_it() {
    let Some(tools) = tools(LITTLE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("gap.mka");
    let gap = "-f lavfi -i sine=d=4 -af asetpts=PTS+gte(T\\,2)*800/TB -c:a aac";
    make(&tools, gap, &clip).await;
    assert!(fs_err::metadata(&clip).unwrap().len() < 64 << 10);
    let facts = sound::probe(&tools, &clip).await;
    let before = peak();
    let plan = &sound::plans(&facts)[0];
    let made = sound::encode(&tools, &clip, plan).await;
    let seconds = made.heard.report.filled / u64::from(made.heard.rate);
    assert!((798..=801).contains(&seconds), "{:?}", made.heard);
    // The silence alone would be 307 MB.
    assert!(peak() < before + 200 * MIB, "{} MiB", peak() / MIB);
    let limits = SourceLimits { gap_seconds: Some(600), ..SourceLimits::NONE };
    let named = limits.check(&facts).unwrap_err().to_string();
    assert!(named.contains("s without sound") && named.contains("--max-gap"), "{named}");
}

#[tokio::test]
async fn a_picture_of_gigabytes_is_refused_before_there_is_memory_for_it() {
    let Some(tools) = tools(LITTLE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("large.png");
    make(&tools, "-f lavfi -i color=s=16000x16000:r=1 -frames:v 1 -pix_fmt monob", &picture).await;
    assert!(fs_err::metadata(&picture).unwrap().len() < 64 << 10);
    let input = Input::Path(picture.clone());
    let within = (100, 100);
    let drawn = ffmpeg::draw_image(&tools, &input, within, 1.0, dir.path()).await;
    assert_too_large(&drawn.map(drop));
    // As the cover of a song.
    let song = dir.path().join("song.mp3");
    let args = format!(
        "-f lavfi -i sine=d=1 -i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic",
        picture.display()
    );
    make(&tools, &args, &song).await;
    let probed = ffmpeg::probe(&tools, &Input::Path(song), |_| {}).await;
    assert_too_large(&probed.map(drop));
    // The control: whoever is kept from nothing has memory for it, and would have been seen.
    let free = ffmpeg::Command::new(&tools.ffmpeg).args("-v error -i".split(' ')).arg(&picture);
    let free = free.args("-vf format=rgb24 -f null -".split(' '));
    let decoded = free.output(Duration::from_mins(1)).await.unwrap();
    assert!(decoded.status.success() && children_peak() > 700 * MIB, "{}", children_peak() / MIB);
}

#[track_caller]
fn assert_too_large(result: &Result<(), Error>) {
    assert!(matches!(result, Err(Error::PictureTooLarge { .. })), "{result:?}");
}

#[tokio::test]
async fn few_pictures_that_would_become_millions_are_named_by_the_probe() {
    let Some(tools) = tools(LITTLE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("sparse.mkv");
    let args = "-f lavfi -i testsrc2=r=60:d=4:s=64x64 \
                -vf settb=1/1000,setpts=N*1000/60+gte(N\\,239)*40000000 -fps_mode passthrough \
                -enc_time_base 1/1000 -c:v libx264 -preset ultrafast";
    make(&tools, args, &clip).await;
    assert!(fs_err::metadata(&clip).unwrap().len() < 512 << 10);
    let facts = sound::probe(&tools, &clip).await;
    let limits = SourceLimits { frames: Some(1_000_000), ..SourceLimits::NONE };
    let named = limits.check(&facts).unwrap_err().to_string();
    assert!(named.contains("frames; at most 1000000 are made (--max-frames)"), "{named}");
    SourceLimits::NONE.check(&facts).unwrap();
}

#[tokio::test]
async fn texts_are_counted_track_by_track() {
    let Some(tools) = tools(LITTLE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (many, one) = (dir.path().join("many.srt"), dir.path().join("one.srt"));
    let text = |at: u32| format!("{at}\n00:00:00,000 --> 00:00:02,000\n{at}\n\n");
    fs_err::write(&many, (0..3000).map(text).collect::<String>()).unwrap();
    fs_err::write(&one, text(0)).unwrap();
    let clip = dir.path().join("texts.mkv");
    let args = format!(
        "-f lavfi -i testsrc2=d=3:s=64x64 -i {} -i {} -map 0 -map 1 -map 2",
        many.display(),
        one.display()
    );
    make(&tools, &args, &clip).await;
    let facts = sound::probe(&tools, &clip).await;
    assert_eq!(
        (facts.tracks, facts.subtitles[0].packets, facts.subtitles[1].packets),
        (3, 3000, 1)
    );
    let limits = |cues| SourceLimits { cues: Some(cues), ..SourceLimits::NONE };
    let named = limits(2999).check(&facts).unwrap_err().to_string();
    assert_eq!(
        named,
        "the source has a subtitle track of 3000 texts; at most 2999 are taken (--max-cues)"
    );
    limits(3000).check(&facts).unwrap();
}

/// How little is missing decides how it ends: no library is loaded, an encoder does not open and says
/// why or does not, and with a few threads of many it waits for the others for ever.
#[tokio::test]
async fn a_run_that_needs_more_memory_than_it_is_given_says_so() {
    for mib in [20, 30, 40, 50, 52, 80, 100, 130, 160] {
        let Some(tools) = tools(mib * MIB) else { return };
        let encode = "-f lavfi -i testsrc2=s=1920x1080:d=4 -c:v libx264 -f null -";
        let command = tools.ours().args(encode.split(' '));
        let ran = ffmpeg::run(command, |_| {}, Duration::from_secs(3)).await;
        let Err(error) = ran else { panic!("{mib} MiB are enough") };
        let given = matches!(&error, Error::MemoryLimit { bytes, .. } if *bytes == mib * MIB);
        assert!(given, "{mib}: {error:?}");
        let named = format!("than the {mib} MiB that it is given (--child-memory-mib)");
        assert!(error.to_string().ends_with(&named), "{error}");
    }
    // The control: nothing of this is said of a run that fails for another reason.
    let Some(tools) = tools(512 * MIB) else { return };
    let odd = "-f lavfi -i testsrc2=s=32x32:d=1 -c:v libx264 -profile:v none -f null -";
    let ran = ffmpeg::run(tools.ours().args(odd.split(' ')), |_| {}, Duration::from_mins(1)).await;
    assert!(matches!(ran, Err(Error::Failed { .. })), "{ran:?}");
}

#[tokio::test]
async fn a_container_that_lists_without_end_is_named() {
    let Some(tools) = tools(512 * MIB) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (list, clip) = (dir.path().join("list.txt"), dir.path().join("chapters.mkv"));
    let chapter = |at: u32| {
        format!(
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={}\ntitle={}\n",
            at + 1,
            "x".repeat(400)
        )
    };
    let chapters: String = (0..40_000).map(chapter).collect();
    fs_err::write(&list, format!(";FFMETADATA1\n{chapters}")).unwrap();
    let args =
        format!("-f lavfi -i testsrc2=d=50:s=64x64:r=1 -i {} -map_chapters 1", list.display());
    make(&tools, &args, &clip).await;
    let probed = ffmpeg::probe(&tools, &Input::Path(clip), |_| {}).await;
    assert!(matches!(probed, Err(Error::HeaderTooLarge)), "{probed:?}");
}

/// A folder of nearly no room is one whose disk must keep nearly all of what is free.
#[tokio::test]
async fn a_run_that_would_fill_the_disk_is_stopped_before() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk_free_min = contain::free_bytes(dir.path()).unwrap() - 64 * MIB;
    let tools = Tools { disk_free_min, ..tools };
    let out = dir.path().join("out.raw");
    let fill = async |tools: &Tools| {
        let args = "-f lavfi -i color=s=1920x1080:r=100:d=4 -f rawvideo";
        let command = tools.ours().args(args.split(' ')).arg(&out);
        ffmpeg::run(command, |_| {}, Duration::from_mins(1)).await
    };
    let error = fill(&tools).await.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert!(written(&out) < 600 * MIB, "{}", written(&out));
    fill(&Tools { disk_free_min: 0, ..tools }).await.unwrap();
    assert!(written(&out) > 1000 * MIB);
}

fn written(path: &Path) -> u64 {
    fs_err::metadata(path).unwrap().len()
}

/// Many files are together as large as one.
#[tokio::test]
async fn files_that_fill_the_disk_together_are_stopped_too() {
    let dir = tempfile::tempdir().unwrap();
    let disk_free_min = contain::free_bytes(dir.path()).unwrap() - 64 * MIB;
    let tool = dir.path().join("ffmpeg");
    let rows = (0..40).map(|at| format!("fill fill {}/{at} 32", dir.path().display()));
    let mut orders: Vec<String> = rows.collect();
    orders.push("rest sleep 60".to_owned());
    fixtures::intruder::write(&tool, &orders);
    let tools = Tools { ffmpeg: tool, disk_free_min, ..Tools::default() };
    let command = tools.ours().arg(dir.path().join("out"));
    let error = ffmpeg::run(command, |_| {}, Duration::from_mins(1)).await.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
}
