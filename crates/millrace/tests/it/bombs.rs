//! Small sources that are large work: each is named soon, takes little memory and disk until then, and
//! slows down nobody beside it. `make security` submits more of each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fixtures::Clip;
use serde_json::json;

use crate::{
    product::{Flags, Product, data},
    sources::serve,
};

const MIB: u64 = 1 << 20;
/// Memory that ffmpeg and ffprobe take for small pictures, several times.
const CHILD_MAX: u64 = 512 * MIB;
/// What the product may take on top of what it has for an honest video.
const GROWTH_MAX: u64 = 256 * MIB;
/// Longest until a bomb is named, also on a machine that does much else.
const NAMED_WITHIN: Duration = Duration::from_mins(1);

/// The most memory that a process and its ffmpegs have had, looked at all the time.
struct Meter {
    own: Arc<AtomicU64>,
    children: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    looking: Option<JoinHandle<()>>,
}

impl Meter {
    fn start(root: u32) -> Self {
        let (own, children) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let end = Arc::<AtomicBool>::default();
        let (o, c, e) = (Arc::clone(&own), Arc::clone(&children), Arc::clone(&end));
        let look = move || {
            while !e.load(Ordering::Relaxed) {
                o.fetch_max(field(root, "VmHWM:").unwrap_or(0) << 10, Ordering::Relaxed);
                for child in descendants(root) {
                    c.fetch_max(field(child, "VmHWM:").unwrap_or(0) << 10, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        Self { own, children, end, looking: Some(std::thread::spawn(look)) }
    }

    fn own(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    fn children(&self) -> u64 {
        self.children.load(Ordering::Relaxed)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.looking.take().map(JoinHandle::join);
    }
}

/// A number in a process's status (proc(5)).
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The ffmpegs and ffprobes below a process.
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs_err::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parents: BTreeMap<u32, u64> =
        pids.filter_map(|pid| Some((pid, field(pid, "PPid:")?))).collect();
    let below = |pid: &u32| {
        let mut at = *pid;
        while let Some(parent) = parents.get(&at).and_then(|parent| u32::try_from(*parent).ok()) {
            if parent == root {
                return true;
            }
            at = parent;
        }
        false
    };
    let named = |pid: &u32| {
        let name = fs_err::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        ["ffmpeg", "ffprobe"].contains(&name.trim())
    };
    parents.keys().copied().filter(below).filter(named).collect()
}

/// Bytes of all files in a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs_err::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

fn ffmpeg(args: &str, output: &Path) {
    let mut command = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-nostdin", "-y"]).args(args.split_whitespace()).arg(output);
    assert!(command.status().unwrap().success(), "{args}");
}

/// A bomb, and how it ends: what its error says, or what a warning says where it is left out.
struct Bomb {
    name: &'static str,
    says: &'static str,
    failed: bool,
}

const BOMBS: [Bomb; 5] = [
    Bomb { name: "gap.mka", says: "s are filled (--max-gap)", failed: true },
    Bomb { name: "picture.mkv", says: "--max-pixels", failed: true },
    Bomb { name: "song.mp3", says: "--max-pixels", failed: true },
    Bomb { name: "sparse.mkv", says: "are made (--max-frames)", failed: true },
    Bomb { name: "texts.mkv", says: "more than 64 MiB of text", failed: false },
];

/// Makes the bombs; none has more than three megabytes.
fn make(folder: &Path) {
    let path = |name: &str| folder.join(name);
    ffmpeg("-f lavfi -i sine=d=4 -af asetpts=PTS+gte(T\\,2)*3000/TB -c:a aac", &path("gap.mka"));
    ffmpeg("-f lavfi -i color=s=16000x16000:r=1 -frames:v 1 -pix_fmt monob", &path("picture.png"));
    let large = format!("-i {} -c copy", path("picture.png").display());
    ffmpeg(&large, &path("picture.mkv"));
    let song = format!(
        "-f lavfi -i sine=d=1 -i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic",
        path("picture.png").display()
    );
    ffmpeg(&song, &path("song.mp3"));
    ffmpeg(
        "-f lavfi -i testsrc2=r=60:d=4:s=64x64 -vf settb=1/1000,setpts=N*1000/60+gte(N\\,239)*40000000 \
         -fps_mode passthrough -enc_time_base 1/1000 -c:v libx264 -preset ultrafast",
        &path("sparse.mkv"),
    );
    // Each of the texts is shown for forty minutes, and so in each of 40 segments.
    let text = |at: u32| format!("{at}\n00:00:00,000 --> 00:39:59,000\n{at}\n\n");
    fs_err::write(path("texts.srt"), (0..40_000).map(text).collect::<String>()).unwrap();
    let texts = format!(
        "-f lavfi -i color=s=64x64:r=1:d=2400 -i {} -map 0 -map 1 -c:v libx264 -preset ultrafast -g 30",
        path("texts.srt").display()
    );
    ffmpeg(&texts, &path("texts.mkv"));
    for bomb in &BOMBS {
        let size = fs_err::metadata(path(bomb.name)).unwrap().len();
        assert!(size < 3 * MIB, "{}: {size}", bomb.name);
    }
}

/// The control of what is measured: an ffmpeg that is kept from nothing is seen to take more than any
/// bomb may make one take.
fn unguarded(picture: &Path) {
    let meter = Meter::start(std::process::id());
    let args = format!("-i {} -vf format=rgb24 -f rawvideo", picture.display());
    ffmpeg(&args, Path::new("/dev/null"));
    assert!(meter.children() > CHILD_MAX, "{} MiB", meter.children() / MIB);
}

async fn honest(product: &Product, base: &str) -> Duration {
    let begun = Instant::now();
    let options = json!({"preset": "ultrafast", "resolutions": ["360p"]});
    let id = product.submit(&format!("{base}/honest.mp4"), options).await;
    product.ready(&id).await;
    begun.elapsed()
}

#[tokio::test]
async fn a_bomb_is_named_soon_and_hurts_nobody() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let flags = Flags::default().and(["--max-gap", "10m", "--max-frames", "1000000"]);
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let times = std::env::var("MILLRACE_TEST_BOMBS").ok().and_then(|text| text.parse().ok());
    let times: usize = times.unwrap_or(1);
    make(web.path());
    unguarded(&web.path().join("picture.png"));
    let clip: PathBuf = Clip::new().size(640, 360).seconds(20).path();
    fs_err::copy(clip, web.path().join("honest.mp4")).unwrap();
    let base = serve(web.path().to_owned()).await;
    let meter = Meter::start(product.pid());
    // The first run warms up what is looked up once per process.
    honest(&product, &base).await;
    let alone = honest(&product, &base).await;
    let (own, on_disk) = (meter.own(), bytes(&data.path().join("media")));
    let sources: u64 =
        BOMBS.iter().map(|it| fs_err::metadata(web.path().join(it.name)).unwrap().len()).sum();
    assert!(own > 0 && meter.children() > 0 && on_disk > MIB);
    let begun = Instant::now();
    let mut bombs = Vec::new();
    for bomb in BOMBS.iter().cycle().take(times * BOMBS.len()) {
        let options = json!({"preset": "ultrafast"});
        bombs.push((bomb, product.submit(&format!("{base}/{}", bomb.name), options).await));
    }
    let beside = honest(&product, &base).await;
    bombs.sort_by_key(|(bomb, _)| !bomb.failed);
    let mut named = Duration::ZERO;
    for (bomb, id) in bombs {
        let video = product.ended(&id).await;
        if bomb.failed {
            named = begun.elapsed();
        }
        let text = if bomb.failed {
            assert_eq!(video["error"]["code"], "source_too_large", "{}: {video:#}", bomb.name);
            &video["error"]
        } else {
            assert_eq!(video["status"], "ready", "{}: {video:#}", bomb.name);
            &video["warnings"]
        };
        assert!(text.to_string().contains(bomb.says), "{}: {text}", bomb.name);
    }
    let most = NAMED_WITHIN * u32::try_from(times).unwrap();
    assert!(named < most, "{named:?}");
    let (children, grown) = (meter.children() / MIB, meter.own().saturating_sub(own) / MIB);
    let written = bytes(&data.path().join("media")).saturating_sub(on_disk) / MIB;
    println!(
        "an honest video: {alone:?}, beside bombs: {beside:?}; MiB of the product: {} and {grown} more, \
         of its largest child: {children}, written: {written}",
        own / MIB
    );
    assert!(children < CHILD_MAX / MIB, "{children} MiB");
    assert!(grown < GROWTH_MAX / MIB, "{grown} MiB");
    // Sources stay for a retry; what is made of them is an honest video and forty minutes of one colour.
    let room = times as u64 * (sources + 16 * MIB) + 2 * on_disk;
    assert!(written < room / MIB, "{written} MiB");
    // Measured before and after: other work on the machine may slow down either run.
    let alone = alone.max(honest(&product, &base).await);
    assert!(beside < 2 * alone + Duration::from_secs(5), "{beside:?} instead of {alone:?}");
}
