//! One publisher's connection: its phases, and what each message does in them.
//!
//! ```text
//! handshake → connect → createStream → publish ─ accept ─→ media … → end
//!                                         └───── end ──────────────────┘
//! ```

mod aggregate;
mod command;
mod event;
mod reply;

pub use event::{Ended, Event, Metadata, PublishRequest, Statistics, StreamKey};

use crate::{
    Error, Limits, amf0, chunk,
    chunk::Message,
    clock::Clock,
    handshake::Handshake,
    message::{self, control, kind},
    rate::Rate,
    tag::{self, Skip},
};
use aggregate::Aggregate;
use std::time::Duration;

/// What each side may send before the other acknowledges, in bytes; what servers usually ask for.
const WINDOW: u32 = 2_500_000;
/// The smallest window that is acknowledged as asked: below, acknowledgements would outweigh media.
const WINDOW_MIN: u32 = 4096;

/// How far the connection has come.
#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    /// Before `connect`.
    Open,
    /// Between `connect` and `publish`.
    Connected,
    /// A publish request has been handed out; `stream` is where its answer goes.
    Asked {
        stream: u32,
    },
    Publishing {
        stream: u32,
    },
    Ended,
}

/// The server's side of one connection.
///
/// Feed it with [`receive`](Self::receive), call [`tick`](Self::tick) at
/// [`deadline`](Self::deadline), and after either send what [`take_output`](Self::take_output)
/// returns, after an error as well: it may hold the reason for the peer. `now` is the time since
/// the connection was accepted, from a clock that never goes back.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    phase: Phase,
    failed: Option<Error>,
    reader: chunk::Reader,
    writer: chunk::Writer,
    output: Vec<u8>,
    aggregate: Option<Aggregate>,
    app: String,
    encoder: String,
    clock: Clock,
    video_track: Option<u8>,
    audio_track: Option<u8>,
    rate: Rate,
    last_byte_at: Duration,
    pinged: bool,
    window: u32,
    acknowledged: u64,
    statistics: Statistics,
}

impl Session {
    /// A connection that has just been accepted, at time zero. The seed fills the random bytes of
    /// the handshake; it need not be secret.
    pub fn new(limits: Limits, seed: u64) -> Self {
        let rate = Rate::new(limits.bits_per_second, limits.rate_window, Duration::ZERO);
        Self {
            limits,
            phase: Phase::Handshake(Box::new(Handshake::new(seed))),
            failed: None,
            reader: chunk::Reader::new(),
            writer: chunk::Writer::new(),
            output: Vec::new(),
            aggregate: None,
            app: String::new(),
            encoder: String::new(),
            clock: Clock::default(),
            video_track: None,
            audio_track: None,
            rate,
            last_byte_at: Duration::ZERO,
            pinged: false,
            window: WINDOW,
            acknowledged: 0,
            statistics: Statistics::default(),
        }
    }

    /// Takes bytes off the front of `input` until there is an event.
    ///
    /// `None` means that all bytes are taken; after an event there may be more, so call again. An
    /// error ends the connection, and every later call returns it again.
    pub fn receive(&mut self, now: Duration, input: &mut &[u8]) -> Result<Option<Event>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.read(now, input);
        if let Err(error) = &result {
            self.fail(error);
        }
        result
    }

    /// Checks what depends on time alone: deadlines, and the silence of the peer.
    pub fn tick(&mut self, now: Duration) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let limits = &self.limits;
        let error = match self.phase {
            Phase::Handshake(_) if now >= limits.handshake => {
                Error::HandshakeTooSlow { seconds: limits.handshake.as_secs() }
            }
            Phase::Open | Phase::Connected if now >= limits.publish => {
                Error::PublishTooSlow { seconds: limits.publish.as_secs() }
            }
            Phase::Asked { .. } | Phase::Publishing { .. } => {
                let silence = now.saturating_sub(self.last_byte_at);
                if silence < limits.silence {
                    if silence >= limits.ping && !self.pinged {
                        self.pinged = true;
                        self.ping(now);
                    }
                    return Ok(());
                }
                Error::Silent { seconds: limits.silence.as_secs() }
            }
            _ => return Ok(()),
        };
        self.fail(&error);
        Err(error)
    }

    /// When to call [`tick`](Self::tick) next, if no bytes come before.
    pub fn deadline(&self) -> Option<Duration> {
        if self.failed.is_some() {
            return None;
        }
        match self.phase {
            Phase::Handshake(_) => Some(self.limits.handshake),
            Phase::Open | Phase::Connected => Some(self.limits.publish),
            Phase::Asked { .. } | Phase::Publishing { .. } => {
                let wait = if self.pinged { self.limits.silence } else { self.limits.ping };
                Some(self.last_byte_at + wait)
            }
            Phase::Ended => None,
        }
    }

    /// Lets the publisher begin, after [`Event::Publish`]. Does nothing at any other time.
    pub fn accept(&mut self, now: Duration) {
        let Phase::Asked { stream } = self.phase else { return };
        self.phase = Phase::Publishing { stream };
        self.last_byte_at = now;
        self.rate = Rate::new(self.limits.bits_per_second, self.limits.rate_window, now);
        self.user_control(control::STREAM_BEGIN, stream);
        let started = reply::status("status", "NetStream.Publish.Start", "publishing");
        self.command(stream, &started);
    }

    /// Refuses the publisher or ends its session, and says why in words; then the caller closes.
    /// The words reach the publisher's log, so they must not tell secrets.
    pub fn end(&mut self, reason: &str) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ended);
        match phase {
            Phase::Asked { stream } | Phase::Publishing { stream } => {
                self.command(stream, &reply::status("error", "NetStream.Publish.Denied", reason));
            }
            Phase::Open | Phase::Connected => {
                let code = "NetConnection.Connect.Rejected";
                self.command(0, &reply::status("error", code, reason));
            }
            Phase::Handshake(_) | Phase::Ended => {}
        }
    }

    /// The replies to send, which are then gone from here.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What has been counted so far.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    fn fail(&mut self, error: &Error) {
        self.end(&error.to_string());
        self.failed = Some(error.clone());
    }

    fn read(&mut self, now: Duration, input: &mut &[u8]) -> Result<Option<Event>, Error> {
        if !input.is_empty() {
            (self.last_byte_at, self.pinged) = (now, false);
        }
        while let Some(message) = self.next_message(now, input)? {
            let event = self.handle(message)?;
            let bytes_max = self.limits.output_bytes;
            if self.output.len() > bytes_max {
                return Err(Error::OutputFull { bytes_max });
            }
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// The next message, inside an aggregate or from the input. `None`: all bytes are taken.
    fn next_message(&mut self, now: Duration, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        if let Some(message) = self.aggregate.as_mut().and_then(Iterator::next) {
            return Ok(Some(message));
        }
        self.aggregate = None;
        loop {
            if matches!(self.phase, Phase::Ended) {
                self.count(input.len());
                *input = &[];
            }
            if input.is_empty() {
                return Ok(None);
            }
            let mut part = self.allowed(input)?;
            let before = part.len();
            let message = if let Phase::Handshake(handshake) = &mut self.phase {
                if handshake.read(&mut part, &mut self.output)? {
                    self.phase = Phase::Open;
                }
                None
            } else {
                self.reader.read(&mut part, &self.limits)?
            };
            let used = before - part.len();
            *input = &input[used..];
            self.count(used);
            if matches!(self.phase, Phase::Publishing { .. }) && !self.rate.admit(now, used) {
                return Err(Error::TooFast { bits_per_second_max: self.limits.bits_per_second });
            }
            self.acknowledge();
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// The front of the input that may be read in this phase.
    fn allowed<'a>(&self, input: &'a [u8]) -> Result<&'a [u8], Error> {
        if matches!(self.phase, Phase::Publishing { .. }) {
            return Ok(input);
        }
        let bytes_max = self.limits.before_publish_bytes;
        let left = bytes_max.saturating_sub(self.statistics.bytes);
        if left == 0 {
            return Err(Error::TooMuchBeforePublish { bytes_max });
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        Ok(&input[..input.len().min(left)])
    }

    fn count(&mut self, bytes: usize) {
        self.statistics.bytes += bytes as u64;
    }

    /// Acknowledges what has come, as often as the peer asked (RTMP 1.0, 5.4.3).
    fn acknowledge(&mut self) {
        let bytes = self.statistics.bytes;
        if bytes - self.acknowledged >= u64::from(self.window) {
            self.acknowledged = bytes;
            // Sequence numbers wrap at 32 bits.
            let sequence = (bytes & 0xffff_ffff) as u32;
            self.control(kind::ACKNOWLEDGEMENT, &sequence.to_be_bytes());
        }
    }

    fn handle(&mut self, message: Message) -> Result<Option<Event>, Error> {
        let payload = &message.payload;
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                let bytes = message::number(message.kind, payload)?;
                self.reader.set_chunk_size(bytes, &self.limits)?;
            }
            kind::ABORT => self.reader.abort(message::number(message.kind, payload)?),
            kind::WINDOW_SIZE => {
                self.window = message::number(message.kind, payload)?.clamp(WINDOW_MIN, WINDOW);
            }
            kind::USER_CONTROL => {
                let (event, data) = message::user_control(payload)?;
                if let (control::PING_REQUEST, Some(time)) = (event, data.first_chunk()) {
                    self.user_control(control::PING_RESPONSE, u32::from_be_bytes(*time));
                }
            }
            kind::ACKNOWLEDGEMENT | kind::PEER_BANDWIDTH => {}
            kind::COMMAND | kind::COMMAND_AMF3 => return self.handle_command(&message),
            kind::AUDIO | kind::VIDEO | kind::DATA | kind::DATA_AMF3 | kind::AGGREGATE
                if matches!(self.phase, Phase::Publishing { .. }) =>
            {
                return self.handle_media(message);
            }
            _ => self.statistics.ignored += 1,
        }
        Ok(None)
    }

    fn handle_media(&mut self, message: Message) -> Result<Option<Event>, Error> {
        let Message { kind, timestamp, payload, .. } = message;
        let event = match kind {
            kind::AGGREGATE => {
                self.aggregate = Some(Aggregate::new(timestamp, payload));
                return Ok(None);
            }
            kind::AUDIO => {
                let read = tag::read_audio(payload, &mut self.audio_track);
                read.map(|audio| Event::Audio { time_ms: self.clock.unwrap(timestamp), audio })
            }
            kind::VIDEO => {
                let read = tag::read_video(payload, &mut self.video_track);
                read.map(|video| Event::Video { time_ms: self.clock.unwrap(timestamp), video })
            }
            _ => self.metadata(kind, &payload)?.map(Event::Metadata).ok_or(Skip::Unneeded),
        };
        match event {
            Ok(event) => return Ok(Some(event)),
            Err(Skip::Unsupported(codec)) => return Err(Error::UnsupportedCodec { codec }),
            Err(Skip::Malformed(why)) => {
                self.statistics.malformed += 1;
                return Ok(Some(Event::Malformed(why)));
            }
            Err(Skip::Unneeded) => self.statistics.ignored += 1,
            Err(Skip::OtherTrack) => self.statistics.other_tracks += 1,
        }
        Ok(None)
    }

    /// `onMetaData`, which publishers send bare or behind `@setDataFrame`.
    fn metadata(&self, kind: u8, payload: &[u8]) -> Result<Option<Metadata>, Error> {
        let values = self.values(kind == kind::DATA_AMF3, payload)?;
        let values = match values.as_slice() {
            [first, rest @ ..] if first.text() == Some("@setDataFrame") => rest,
            values => values,
        };
        Ok(match values {
            [name, value, ..] if name.text() == Some("onMetaData") => Some(Metadata(value.clone())),
            _ => None,
        })
    }

    /// The values of an AMF message. Those of type AMF3 begin with a byte that says AMF0 follows.
    fn values(&self, is_amf3: bool, payload: &[u8]) -> Result<Vec<amf0::Value>, Error> {
        let (limits, bytes) = (&self.limits, payload.len());
        if bytes > limits.amf_bytes {
            return Err(Error::AmfTooLarge { bytes, bytes_max: limits.amf_bytes });
        }
        let payload = if is_amf3 { payload.strip_prefix(&[0]).unwrap_or(payload) } else { payload };
        let mut reader = amf0::Reader::new(payload, limits.amf_values, limits.amf_depth);
        let mut values = Vec::new();
        while let Some(value) = reader.next_value()? {
            values.push(value);
        }
        Ok(values)
    }
}
