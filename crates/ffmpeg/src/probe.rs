//! What a source is: one look at its header, one pass over every packet's time.
//!
//! Decodes key frames, and the surroundings of two seeks, to see whether the source can be cut as
//! it is. The arithmetic of time lines is `media`'s.

mod bytes;
mod decoders;
mod header;
mod missing;
mod opening;
mod packets;
mod shapes;
mod suspicion;

use media::epochs::{Correction, Laid};
use media::plan::SAMPLE_RATE;
use media::rate::FrameRate;
use media::source::{
    AudioFacts, Color, NonStandard, Repair, Rotation, Seeks, SourceFacts, SubtitleFacts, VideoFacts,
};
use media::timeline::{TimeBase, Timeline};

use crate::samples;
use crate::{Error, Input, Tools};
use header::{Header, Stream};
use opening::Opened;
use packets::{AudioTrack, Clock, Found, Tracks};

/// Longest encoder delay, in microseconds: 2112 samples of AAC at 8 kHz take 264 ms.
const DELAY_MAX_US: i64 = 300_000;
/// Shortest source that is cut into chunks where it is not asked for, in seconds: two segments.
const CUT_MIN_SECONDS: f64 = 12.0;
/// Containers that hold no stamps: libavformat counts packets at the rate of the first, and only samples
/// tell where another rate follows.
const UNSTAMPED: [&str; 11] =
    ["aac", "mp3", "ac3", "eac3", "dts", "dtshd", "truehd", "mlp", "amr", "ape", "tta"];
/// Audio tracks described at most, so that the facts stay small.
const AUDIO_TRACKS_MAX: usize = 32;
/// Audio tracks that are read at most, those of other programmes included.
const AUDIO_TRACKS_READ: usize = 256;
/// Picture tracks among which one is chosen.
const PICTURE_TRACKS_MAX: usize = 8;
/// Subtitle tracks described at most.
const SUBTITLE_TRACKS_MAX: usize = 64;

/// Reads the facts of a source; `on_packets` receives the number of packets read so far.
///
/// Run twice, it reads twice and finds the same.
pub async fn probe(
    tools: &Tools,
    input: &Input,
    on_packets: impl FnMut(u64) + Send,
) -> Result<SourceFacts, Error> {
    Ok(Box::pin(survey(tools, input, on_packets)).await?.0)
}

/// New stamps for packets of a stream.
#[derive(Debug)]
pub(crate) struct Restamped {
    pub(crate) stream: u32,
    /// Unit of the corrections.
    pub(crate) base: TimeBase,
    pub(crate) corrections: Vec<Correction>,
}

/// The facts of a source, and what has to be done to the stamps of the streams they describe: none
/// are listed where there is nothing to do.
pub(crate) async fn survey(
    tools: &Tools,
    input: &Input,
    mut on_packets: impl FnMut(u64) + Send,
) -> Result<(SourceFacts, Vec<Restamped>), Error> {
    let opened = opening::open(tools, input).await?;
    let (header, input, format) = (&opened.header, &opened.input, &opened.header.format);
    let candidates = picture_tracks(&header.streams)?;
    let mut heard: Vec<&Stream> =
        header.streams.iter().filter(|s| s.is_audio()).take(AUDIO_TRACKS_READ).collect();
    if candidates.is_empty() && heard.is_empty() {
        return Err(Error::NoStreams);
    }
    let together = |one: &Stream, other: &Stream| header.are_together(one, other);
    let mut tracks = Tracks::new(Clock::of(&format.name), &candidates, &heard, together);
    let demux_errors = packets::read(tools, input, &mut tracks, &mut on_packets).await?;
    let chosen = main_video(&candidates, &tracks.covered_seconds())?;
    let video = chosen.map(|track| candidates[track]);
    // Sound of other programmes goes with other pictures, and by another clock.
    let beside = |stream: &Stream| video.is_none_or(|video| together(video, stream));
    heard.retain(|stream| beside(stream));
    let subtitles = subtitles(header.streams.iter().filter(|stream| beside(stream)), &tracks);
    let Found { video: video_track, audio: audio_tracks, laid } =
        tracks.finish(chosen, &video.map(hints).unwrap_or_default());
    let line = video_track.as_ref().and_then(|track| track.timeline.as_ref());
    let main = video.or(heard.first().copied());
    let (programmes, mut non_standard) = changes(tools, &opened, main, video.zip(line)).await?;
    let restamped = restamped(video.into_iter().chain(heard.iter().copied()), &laid);
    let repairs = repairs(&laid, video, video_track.as_ref(), programmes.len(), opened.unread);
    let pictures = video.zip(video_track).and_then(|(stream, track)| {
        let timeline = track.timeline?;
        let broken = !laid.is_empty();
        let (name, defects) = (&format.name, track.defects);
        non_standard.extend(suspicion::reasons(name, stream, &timeline, defects, broken));
        Some(VideoFacts { seeks: Seeks::of(name), ..video_facts(stream, timeline, track.packets) })
    });
    heard.truncate(AUDIO_TRACKS_MAX);
    let mut audio = sound_facts(&format.name, &heard, &audio_tracks);
    decode_sound(tools, &opened, &heard, &mut audio, pictures.is_some()).await?;
    if pictures.is_none() && audio.iter().all(|audio| audio.packets == 0) {
        return Err(Error::InvalidData {
            detail: "it holds no packet of video or audio".to_owned(),
        });
    }
    let mut facts = SourceFacts {
        container: format.name.clone(),
        bytes: format.size.unwrap_or(0),
        container_start_us: format.start_us(),
        video: pictures,
        audio,
        non_standard,
        demux_errors,
        subtitles,
        chapters: u32::try_from(header.chapters.len()).unwrap_or(u32::MAX),
        tracks: u32::try_from(header.streams.len()).unwrap_or(u32::MAX),
        cover: header.cover(),
        repairs,
        programmes,
        depth: opened.depth,
    };
    keep_one_programme(header, &mut facts);
    if laid.is_empty() {
        facts.repairs.extend(lacks(header, video, &facts, &heard, &audio_tracks));
    }
    facts.cover_sound();
    if facts.non_standard.is_empty() && !seeks_are_whole(tools, input, &facts).await? {
        facts.non_standard.push(NonStandard::UnreliableSeek);
    }
    Ok((facts, restamped))
}

/// Where other streams take the place of those of the programme of `main`, and what else keeps the
/// file from being cut; `looked` are the stream of the pictures and their time line.
async fn changes(
    tools: &Tools,
    opened: &Opened,
    main: Option<&Stream>,
    looked: Option<(&Stream, &Timeline)>,
) -> Result<(Vec<u64>, Vec<NonStandard>), Error> {
    let mut found = Vec::new();
    if let Some((stream, line)) = looked
        && shapes::change(tools, &opened.input, stream, line.key_interval_max).await?
    {
        found.push(NonStandard::SizeChange);
    }
    let number = main.and_then(|stream| opened.header.programme_of(stream));
    let programmes = opened.tables.as_ref().map_or(&[][..], |tables| tables.changes(number));
    if !programmes.is_empty() {
        found.push(NonStandard::ProgrammeChange);
    }
    if opened.depth > 0 {
        found.push(NonStandard::LateStream);
    }
    Ok((programmes.to_vec(), found))
}

/// What the source lacks by its own account; nothing can be told where stamps are corrected.
fn lacks(
    header: &Header,
    video: Option<&Stream>,
    facts: &SourceFacts,
    heard: &[&Stream],
    tracks: &[AudioTrack],
) -> Vec<Repair> {
    if !facts.programmes.is_empty() {
        return Vec::new();
    }
    let main = facts.main_audio().map(|audio| audio.stream);
    let main = heard.iter().position(|stream| Some(stream.index) == main);
    let gaps = main.and_then(|at| missing::sound(facts, &tracks.get(at)?.gaps));
    gaps.into_iter().chain(missing::end(header, video, facts)).collect()
}

/// Leaves the sound of one programme where there is no picture to say which.
fn keep_one_programme(header: &Header, facts: &mut SourceFacts) {
    let of = |index: u32| header.streams.iter().find(|stream| stream.index == index);
    let main = facts.main_audio().and_then(|audio| of(audio.stream));
    let Some(main) = main.filter(|_| facts.video.is_none()) else { return };
    let beside = |index| of(index).is_some_and(|stream| header.are_together(main, stream));
    facts.audio.retain(|audio| beside(audio.stream));
    facts.subtitles.retain(|track| beside(track.stream));
}

/// False when a seek leads to pictures whose references were not read: an index that points
/// elsewhere, or key frames that are none.
///
/// Two seeks stand for all. One that fails only elsewhere is found by the chunk that makes it.
async fn seeks_are_whole(tools: &Tools, input: &Input, facts: &SourceFacts) -> Result<bool, Error> {
    let Some(video) = &facts.video else { return Ok(true) };
    let grid = video.timeline.grid();
    if grid.duration_seconds() < CUT_MIN_SECONDS {
        return Ok(true);
    }
    for frame in [grid.frames * 2 / 5, grid.frames * 4 / 5] {
        if !crate::still::seek_is_whole(tools, input, facts, frame).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds what only decoding reveals about the audio; `beside` says that there are pictures.
async fn decode_sound(
    tools: &Tools,
    opened: &Opened,
    streams: &[&Stream],
    audio: &mut [AudioFacts],
    beside: bool,
) -> Result<(), Error> {
    let (input, size) = (&opened.input, opened.header.format.size.unwrap_or(0));
    decoders::mark(tools, input, size, streams, audio).await?;
    let undecodable = audio.iter().filter_map(|it| it.undecodable.as_ref());
    // Pictures can do without sound that nothing decodes, but not for want of a newer ffmpeg.
    let mut missed = undecodable.filter(|codec| !beside || decoders::is_misread(codec));
    if let Some(codec) = missed.next().filter(|_| !audio.iter().any(AudioFacts::is_usable)) {
        return Err(Error::UnsupportedCodec { kind: "audio", codec: codec.clone() });
    }
    for track in audio {
        // Beside a picture its own time line decides.
        track.counted &= !beside && track.is_usable();
        if track.counted {
            let samples = samples::count(tools, input, track).await?;
            track.end_us = track.start_us + micros_of(samples);
        }
    }
    Ok(())
}

/// The streams whose stamps have to be corrected.
fn restamped<'a>(streams: impl Iterator<Item = &'a Stream>, laid: &Laid) -> Vec<Restamped> {
    let corrected = streams.zip(&laid.tracks).filter(|(_, corrections)| !corrections.is_empty());
    let restamped = corrected.map(|(stream, corrections)| Restamped {
        stream: stream.index,
        base: stream.time_base(),
        corrections: corrections.clone(),
    });
    restamped.collect()
}

/// What is corrected, in words for the user; positions are counted from the first picture.
fn repairs(
    laid: &Laid,
    stream: Option<&Stream>,
    video: Option<&packets::VideoTrack>,
    programmes: usize,
    unread: u64,
) -> Vec<Repair> {
    if programmes > 0 {
        // Stamps over the joints say nothing: each part is read by itself.
        return vec![Repair::ProgrammesJoined { count: programmes as u64 }];
    }
    let line = video.and_then(|track| track.timeline.as_ref());
    let zero = line.map_or(0, Timeline::start_us);
    let joined = Repair::EpochsJoined {
        count: laid.joints_us.len() as u64,
        places_us: laid.joints_us.iter().take(8).map(|us| us - zero).collect(),
    };
    let placed = Repair::StraysPlaced { packets: laid.strays };
    let aspect = stream.and_then(Stream::impossible_aspect);
    let aspect = aspect.map(|(num, den)| Repair::AspectIgnored { num, den });
    let missed = Repair::TracksUnread { tracks: unread };
    [(!laid.joints_us.is_empty(), joined), (laid.strays > 0, placed), (unread > 0, missed)]
        .into_iter()
        .filter_map(|(found, repair)| found.then_some(repair))
        .chain(aspect)
        .collect()
}

/// Packets that the decoder of a track reads on before it gives a picture out.
pub(crate) async fn delay(tools: &Tools, input: &Input, stream: u32) -> Result<u32, Error> {
    let header = opening::read(tools, input, false).await?;
    let found = header.streams.iter().find(|it| it.index == stream);
    Ok(found.map_or(0, |stream| stream.has_b_frames))
}

/// Picture tracks that can be read, covers never.
fn picture_tracks(streams: &[Stream]) -> Result<Vec<&Stream>, Error> {
    let pictures: Vec<&Stream> = streams.iter().filter(|stream| stream.is_picture()).collect();
    let sized = |stream: &Stream| stream.width > 0 && stream.height > 0;
    let usable = |stream: &&&Stream| stream.codec_name.is_some() && sized(stream);
    let found: Vec<&Stream> =
        pictures.iter().filter(usable).take(PICTURE_TRACKS_MAX).copied().collect();
    match pictures.first() {
        Some(unknown) if found.is_empty() => Err(unreadable(unknown)),
        _ => Ok(found),
    }
}

/// Why a track is of no use: its codec is unknown, or there is no picture to tell its size from.
fn unreadable(stream: &Stream) -> Error {
    let Some(codec) = &stream.codec_name else {
        let codec = stream.codec_tag_string.clone();
        return Error::UnsupportedCodec { kind: "video", codec };
    };
    let detail = format!("no picture of the {codec} track can be decoded, so its size is unknown");
    Error::InvalidData { detail }
}

/// The picture track to play, by its place among the candidates: of those that cover at least half
/// as much time as any, first what is the film, then the default, then the largest.
fn main_video(candidates: &[&Stream], covered: &[f64]) -> Result<Option<usize>, Error> {
    let longest = covered.iter().copied().fold(0.0, f64::max);
    let rank = |at: usize| {
        let stream = candidates[at];
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        let flags = &stream.disposition;
        (flags.is_film(), flags.default, pixels, std::cmp::Reverse(stream.index))
    };
    let long = (0..candidates.len()).filter(|&at| covered[at] * 2.0 >= longest);
    let best = long.max_by_key(|&at| rank(at));
    match best.map(|at| candidates[at]).filter(|stream| stream.is_dolby_vision_only()) {
        None => Ok(best),
        Some(alien) => {
            let profile = alien.dolby_vision().unwrap_or_default();
            let codec = format!("Dolby Vision profile {profile} (no HDR10, HLG or SDR base layer)");
            Err(Error::UnsupportedCodec { kind: "video", codec })
        }
    }
}

/// Rates the container claims, the most trusted first.
fn hints(stream: &Stream) -> Vec<FrameRate> {
    [&stream.r_frame_rate, &stream.avg_frame_rate]
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

fn video_facts(stream: &Stream, timeline: Timeline, packets: u64) -> VideoFacts {
    let slanted = stream.is_slanted();
    let (rotation, mirrored) = if slanted { (Rotation::None, false) } else { stream.orientation() };
    VideoFacts {
        stream: stream.index,
        codec: stream.codec_name.clone().unwrap_or_default(),
        profile: stream.profile.clone(),
        pixel_format: stream.pix_fmt.clone().unwrap_or_default(),
        coded_width: stream.width,
        coded_height: stream.height,
        sample_aspect: stream.sample_aspect(),
        rotation,
        mirrored,
        slanted,
        color: Color {
            range: stream.color_range.clone(),
            space: stream.color_space.clone(),
            transfer: stream.color_transfer.clone(),
            primaries: stream.color_primaries.clone(),
        },
        dolby_vision: stream.dolby_vision(),
        field_order: stream.field_order.clone(),
        packets,
        frames_promised: promised(stream, &timeline, packets),
        seeks: Seeks::default(),
        timeline,
    }
}

/// Packets that the header promises. ffmpeg leaves out those that no edit shows, so that fewer are
/// no loss where what there is lasts as long as the header says of all edits.
fn promised(stream: &Stream, timeline: &Timeline, packets: u64) -> Option<u64> {
    let seconds = timeline.grid().duration_seconds();
    let whole = stream.duration_us().is_some_and(|us| seconds >= us as f64 * 0.95e-6);
    stream.nb_frames.map(|frames| if whole { frames.min(packets) } else { frames })
}

/// Facts of the tracks that are heard; `container` may be one that holds no stamps.
fn sound_facts(container: &str, heard: &[&Stream], tracks: &[AudioTrack]) -> Vec<AudioFacts> {
    let unstamped = UNSTAMPED.contains(&container);
    let marked = heard.iter().any(|stream| stream.disposition.is_original());
    let facts = heard.iter().zip(tracks).map(|(stream, track)| {
        let facts = audio_facts(stream, track, marked);
        AudioFacts { counted: facts.counted || unstamped, ..facts }
    });
    facts.collect()
}

/// `marked` says that the file marks the sound in the original language.
fn audio_facts(stream: &Stream, track: &packets::AudioTrack, marked: bool) -> AudioFacts {
    AudioFacts {
        stream: stream.index,
        codec: stream.codec_name.clone().unwrap_or_default(),
        channels: stream.channels,
        layout: stream.channel_layout.clone(),
        sample_rate: stream.sample_rate.unwrap_or(0),
        start_us: first_sound_us(stream, track.start_us),
        end_us: track.end_us,
        packets: track.packets,
        packets_us: track.packets_us.max(0).unsigned_abs(),
        counted: track.restarted,
        language: stream.language(),
        title: stream.tag("title"),
        default: stream.disposition.default,
        role: stream.disposition.role(marked && !stream.disposition.is_original()),
        undecodable: None,
    }
}

/// Samples at 48 kHz in microseconds.
fn micros_of(samples: u64) -> i64 {
    let us = u128::from(samples) * 1_000_000 / u128::from(SAMPLE_RATE);
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn subtitles<'a>(streams: impl Iterator<Item = &'a Stream>, read: &Tracks) -> Vec<SubtitleFacts> {
    let tracks = streams.filter(|stream| stream.is_subtitle()).take(SUBTITLE_TRACKS_MAX);
    let facts = tracks.map(|stream| SubtitleFacts {
        stream: stream.index,
        codec: stream.codec_name.clone().unwrap_or_default(),
        language: stream.language(),
        title: stream.tag("title"),
        default: stream.disposition.default,
        forced: stream.disposition.forced,
        packets: read.others(stream.index),
    });
    facts.collect()
}

/// Where the first sound is, in microseconds: behind the samples that a decoder drops as the
/// encoder's delay, which the first packet's time does not tell but ffprobe's start does.
fn first_sound_us(stream: &Stream, first_packet_us: i64) -> i64 {
    let Some(start) = stream.start_us() else { return first_packet_us };
    let delayed = (0..DELAY_MAX_US).contains(&(start - first_packet_us));
    if delayed { start } else { first_packet_us }
}

/// How far from a quarter turn, in degrees, ffmpeg still makes one (`insert_filter` of fftools).
const QUARTER_OFF: f64 = 1.0;

impl Stream {
    /// True when the display matrix turns by something else than quarters.
    fn is_slanted(&self) -> bool {
        let degrees = self.side_data_list.iter().find_map(|side| side.rotation).unwrap_or(0.0);
        (degrees - (degrees / 90.0).round() * 90.0).abs() >= QUARTER_OFF
    }

    /// Turn and mirroring of the display matrix. ffprobe gives the counter-clockwise angle, and the
    /// matrix as text, whose determinant is negative when the picture is mirrored.
    fn orientation(&self) -> (Rotation, bool) {
        let Some(side) = self.side_data_list.iter().find(|side| side.rotation.is_some()) else {
            return (Rotation::None, false);
        };
        #[expect(clippy::cast_possible_truncation, reason = "an angle in degrees")]
        let quarter = (side.rotation.unwrap_or(0.0) / 90.0).round() as i64;
        let rotation = match quarter.rem_euclid(4) {
            1 => Rotation::Left,
            2 => Rotation::Half,
            3 => Rotation::Right,
            _ => Rotation::None,
        };
        (rotation, side.is_mirrored())
    }
}
