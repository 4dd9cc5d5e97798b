//! Looks at a finished tree from outside, with ffprobe and plain text.

use std::path::Path;

use media::fmp4;
use serde_json::Value;

/// One rendition's packets, read from its initialisation segment and its segments joined as files.
pub(crate) struct Rendition {
    /// Presentation times in ticks, in presentation order.
    pub(crate) pts: Vec<i64>,
    /// Decode times in ticks, in file order.
    pub(crate) dts: Vec<i64>,
    /// Presentation times of key frames, in ticks.
    pub(crate) keys: Vec<i64>,
    /// Seconds per tick.
    pub(crate) tick: f64,
    /// Sum of the EXTINF values in seconds.
    pub(crate) extinf: f64,
    /// Segments named by the playlist.
    pub(crate) segments: Vec<String>,
    /// Sequence numbers of all fragments.
    numbers: Vec<u32>,
}

/// Reads a rendition's folder.
pub(crate) fn rendition(folder: &Path) -> Rendition {
    let playlist = fs_err::read_to_string(folder.join("index.m3u8")).unwrap();
    assert!(!playlist.contains("DISCONTINUITY"), "{playlist}");
    assert!(playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
    let segments: Vec<String> = playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let extinf = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok())
        .sum();
    let joined = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    let mut bytes = fs_err::read(folder.join("init.mp4")).unwrap();
    for segment in &segments {
        bytes.extend(fs_err::read(folder.join(segment)).unwrap());
    }
    let (init, parts) = (fmp4::Init::parse(&bytes).unwrap(), fmp4::split(&bytes).unwrap());
    let numbers = parts
        .fragments
        .into_iter()
        .map(|part| fmp4::Fragment::parse(&bytes[part], &init).unwrap().sequence)
        .collect();
    fs_err::write(joined.path(), bytes).unwrap();
    let entries = "stream=time_base:packet=pts,dts,flags";
    let probe = ffprobe(&["-show_entries", entries], joined.path());
    let packets = probe["packets"].as_array().unwrap();
    let time = |packet: &Value, name: &str| packet[name].as_i64().unwrap();
    let mut pts: Vec<i64> = packets.iter().map(|packet| time(packet, "pts")).collect();
    pts.sort_unstable();
    let keys = packets
        .iter()
        .filter(|p| p["flags"].as_str().unwrap().contains('K'))
        .map(|p| time(p, "pts"))
        .collect();
    let base = probe["streams"][0]["time_base"].as_str().unwrap();
    let (num, den) = base.split_once('/').unwrap();
    Rendition {
        numbers,
        pts,
        dts: packets.iter().map(|packet| time(packet, "dts")).collect(),
        keys,
        tick: num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap(),
        extinf,
        segments,
    }
}

impl Rendition {
    /// Fails unless every step between two packets is the same, in both orders.
    pub(crate) fn assert_continuous(&self) {
        let rising = (1..).zip(&self.numbers).all(|(number, found)| number == *found);
        assert!(rising, "fragments are numbered {:?}", self.numbers);
        for times in [&self.pts, &self.dts] {
            let steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let odd: Vec<_> =
                steps.iter().enumerate().filter(|(_, step)| **step != steps[0]).collect();
            assert!(odd.is_empty(), "steps of {} ticks but for {odd:?}", steps[0]);
        }
    }
}

/// Frames of the first video stream, counted by decoding every one.
pub(crate) fn decoded_frames(input: &Path) -> u64 {
    let entries =
        ["-select_streams", "v:0", "-count_frames", "-show_entries", "stream=nb_read_frames"];
    let probe = ffprobe(&entries, input);
    probe["streams"][0]["nb_read_frames"].as_str().unwrap().parse().unwrap()
}

fn ffprobe(args: &[&str], input: &Path) -> Value {
    let ffprobe = fixtures::tools::ffprobe().unwrap();
    let output = fixtures::tools::command(ffprobe)
        .args(["-v", "error", "-of", "json"])
        .args(args)
        .arg(input)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
