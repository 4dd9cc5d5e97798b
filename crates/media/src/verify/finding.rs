//! The ways in which what was made can differ from what was planned, with the numbers.

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// No manifest for a planned chunk.
    #[error("chunk {chunk} is missing")]
    MissingChunk {
        /// Index of the chunk.
        chunk: u32,
    },
    /// More than one manifest for a chunk.
    #[error("chunk {chunk} is there more than once")]
    DuplicateChunk {
        /// Index of the chunk.
        chunk: u32,
    },
    /// A manifest for a chunk the plan does not have.
    #[error("chunk {chunk} is not planned: there are {planned}")]
    UnknownChunk {
        /// Index it claims.
        chunk: u32,
        /// Number of chunks in the plan.
        planned: u32,
    },
    /// A chunk that says it is another range of frames.
    #[error("chunk {chunk} is {got_frames} frames from {got_first}, not {frames} from {first}")]
    WrongRange {
        /// Index of the chunk.
        chunk: u32,
        /// First frame it states.
        got_first: u64,
        /// Frames it states.
        got_frames: u64,
        /// Planned first frame.
        first: u64,
        /// Planned frames.
        frames: u64,
    },
    /// A planned rendition that was not made, or not in this chunk.
    #[error("{rendition}: not made{}", in_chunk(*chunk))]
    MissingRendition {
        /// Name of the rendition.
        rendition: String,
        /// The chunk it is missing in; `None` for sound.
        chunk: Option<u32>,
    },
    /// A rendition that is not planned, or twice in one manifest.
    #[error("{rendition}: made{} although not planned", in_chunk(*chunk))]
    UnknownRendition {
        /// Name of the rendition.
        rendition: String,
        /// The chunk it is in; `None` for sound.
        chunk: Option<u32>,
    },
    /// A time scale that does not fit the grid; times are not compared then.
    #[error("{rendition}: times are in 1/{got} s{}, not in 1/{want} s", in_chunk(*chunk))]
    WrongTimescale {
        /// Name of the rendition.
        rendition: String,
        /// The chunk; `None` for sound.
        chunk: Option<u32>,
        /// Ticks per second found.
        got: u32,
        /// Ticks per second of the grid.
        want: u32,
    },
    /// A picture of another size than the rung.
    #[error("{rendition}: chunk {chunk} is {}, not {}", sides(*got), sides(Some(*want)))]
    WrongPicture {
        /// Name of the rendition.
        rendition: String,
        /// Index of the chunk.
        chunk: u32,
        /// Width and height found.
        got: Option<(u32, u32)>,
        /// Width and height planned.
        want: (u32, u32),
    },
    /// Too few or too many segments in a chunk.
    #[error("{rendition}: chunk {chunk} has {got} segments, not {want}")]
    WrongSegmentCount {
        /// Name of the rendition.
        rendition: String,
        /// Index of the chunk.
        chunk: u32,
        /// Segments listed.
        got: usize,
        /// Segments planned.
        want: usize,
    },
    /// A segment that is numbered as another.
    #[error("{rendition}: segment {want} is numbered {got}")]
    WrongSegmentIndex {
        /// Name of the rendition.
        rendition: String,
        /// Index it states.
        got: u32,
        /// Index by its place.
        want: u32,
    },
    /// A segment with too few or too many frames.
    #[error("{rendition}: segment {segment} of chunk {chunk} has {got} frames, not {want}")]
    WrongFrames {
        /// Name of the rendition.
        rendition: String,
        /// Index of the chunk.
        chunk: u32,
        /// Index of the segment over the whole rendition.
        segment: u32,
        /// Frames in it.
        got: u64,
        /// Frames planned.
        want: u64,
    },
    /// A segment of video that does not start where it should on the grid.
    #[error("{rendition}: segment {segment} starts at tick {at}, not {expected}")]
    Gap {
        /// Name of the rendition.
        rendition: String,
        /// Index of the segment over the whole rendition.
        segment: u32,
        /// Its decode time in ticks.
        at: u64,
        /// Decode time by the grid.
        expected: u64,
    },
    /// A segment of video that does not last as long as its frames.
    #[error("{rendition}: segment {segment} lasts {got} ticks, not {want}")]
    DurationOff {
        /// Name of the rendition.
        rendition: String,
        /// Index of the segment over the whole rendition.
        segment: u32,
        /// Its duration in ticks.
        got: u64,
        /// Duration by the grid.
        want: u64,
    },
    /// Key frames elsewhere than in every other rung.
    #[error("{rendition}: segment {segment} has key frames at {got:?}, not {want:?}")]
    KeyFramesDiffer {
        /// Name of the rendition.
        rendition: String,
        /// Index of the segment over the whole rendition.
        segment: u32,
        /// Positions found.
        got: Vec<u32>,
        /// Multiples of the GOP length.
        want: Vec<u32>,
    },
    /// No initialisation segment in the store.
    #[error("{rendition}: the initialisation segment is missing")]
    MissingInit {
        /// Name of the rendition.
        rendition: String,
    },
    /// Segments made for another initialisation segment than the stored one.
    #[error("{rendition}: the initialisation segment differs{}", in_chunk(*chunk))]
    InitDiffers {
        /// Name of the rendition.
        rendition: String,
        /// The chunk it was made with; `None` for sound.
        chunk: Option<u32>,
    },
    /// A segment that is not in the store.
    #[error("{rendition}: {name} is missing")]
    MissingSegment {
        /// Name of the rendition.
        rendition: String,
        /// File name.
        name: String,
    },
    /// A segment of another size than recorded.
    #[error("{rendition}: {name} has {got} bytes, not {want}")]
    WrongSize {
        /// Name of the rendition.
        rendition: String,
        /// File name.
        name: String,
        /// Bytes in the store.
        got: u64,
        /// Bytes recorded.
        want: u64,
    },
    /// A segment of sound that does not start where the one before it ends.
    #[error("{rendition}: segment {segment} starts at tick {at}, not {expected}")]
    AudioGap {
        /// Name of the rendition.
        rendition: String,
        /// Index of the segment.
        segment: u32,
        /// Its decode time in ticks.
        at: u64,
        /// End of the segment before; 0 for the first.
        expected: u64,
    },
    /// A segment of sound that does not last as long as the samples in its packets.
    #[error("{rendition}: segment {segment} lasts {got} samples, not {want} ({odd} odd packets)")]
    WrongPackets {
        /// Name of the rendition.
        rendition: String,
        /// Index of the segment.
        segment: u32,
        /// Its duration in samples.
        got: u64,
        /// Samples in its packets.
        want: u64,
        /// Packets that last other than the samples in them.
        odd: u32,
    },
    /// Sound that ends too early.
    #[error("{rendition}: the sound lasts {got} samples, too short for {want}")]
    AudioTooShort {
        /// Name of the rendition.
        rendition: String,
        /// Audio samples made.
        got: u64,
        /// Audio samples planned.
        want: u64,
    },
    /// Sound that ends too late.
    #[error("{rendition}: the sound lasts {got} samples, too long for {want}")]
    AudioTooLong {
        /// Name of the rendition.
        rendition: String,
        /// Audio samples made.
        got: u64,
        /// Audio samples planned.
        want: u64,
    },
}

impl Finding {
    /// The rendition that must not be published; `None` when it concerns all of the picture.
    pub fn rendition(&self) -> Option<&str> {
        match self {
            Self::MissingChunk { .. }
            | Self::DuplicateChunk { .. }
            | Self::UnknownChunk { .. }
            | Self::WrongRange { .. } => None,
            Self::MissingRendition { rendition, .. }
            | Self::UnknownRendition { rendition, .. }
            | Self::WrongTimescale { rendition, .. }
            | Self::WrongPicture { rendition, .. }
            | Self::WrongSegmentCount { rendition, .. }
            | Self::WrongSegmentIndex { rendition, .. }
            | Self::WrongFrames { rendition, .. }
            | Self::Gap { rendition, .. }
            | Self::DurationOff { rendition, .. }
            | Self::KeyFramesDiffer { rendition, .. }
            | Self::MissingInit { rendition }
            | Self::InitDiffers { rendition, .. }
            | Self::MissingSegment { rendition, .. }
            | Self::WrongSize { rendition, .. }
            | Self::AudioGap { rendition, .. }
            | Self::WrongPackets { rendition, .. }
            | Self::AudioTooShort { rendition, .. }
            | Self::AudioTooLong { rendition, .. } => Some(rendition),
        }
    }
}

fn in_chunk(chunk: Option<u32>) -> String {
    chunk.map(|chunk| format!(" in chunk {chunk}")).unwrap_or_default()
}

fn sides(size: Option<(u32, u32)>) -> String {
    size.map_or_else(|| "no picture".to_owned(), |(width, height)| format!("{width}x{height}"))
}
