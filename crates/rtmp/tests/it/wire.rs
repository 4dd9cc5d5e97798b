//! A publisher of our own: writes handshake, chunks and commands without the crate's writers, so
//! that a mistake in them cannot hide itself. Reads replies as well.

use rtmp::{Error, Event, Limits, Session};
use std::{collections::HashMap, time::Duration};

/// C0, C1 and C2 of the simple handshake.
pub(crate) fn handshake() -> Vec<u8> {
    let mut bytes = vec![0; 1 + 2 * 1536];
    bytes[0] = 3;
    bytes
}

/// The values that commands need.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&[2][..], &length.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn number(number: f64) -> Vec<u8> {
    [&[0][..], &number.to_be_bytes()].concat()
}

pub(crate) fn object(properties: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let properties = properties.iter().map(|(key, value)| [&text(key)[1..], value].concat());
    [vec![3], properties.collect::<Vec<_>>().concat(), vec![0, 0, 9]].concat()
}

pub(crate) const NULL: &[u8] = &[5];

/// A message with a full header, in chunks of the 128 bytes that hold at first.
pub(crate) fn message(chunk_stream: u8, kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    stamped(chunk_stream, kind, stream, 0, payload, 128)
}

pub(crate) fn stamped(
    chunk_stream: u8,
    kind: u8,
    stream: u8,
    timestamp: u32,
    payload: &[u8],
    chunk_bytes: usize,
) -> Vec<u8> {
    assert!(timestamp < 0xff_ffff);
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![chunk_stream];
    bytes.extend(&timestamp.to_be_bytes()[1..]);
    bytes.extend(&length[1..]);
    bytes.extend([kind, stream, 0, 0, 0]);
    for (n, part) in payload.chunks(chunk_bytes).enumerate() {
        bytes.extend((n > 0).then_some(0xc0 | chunk_stream));
        bytes.extend(part);
    }
    bytes
}

pub(crate) fn command(stream: u8, values: &[&[u8]]) -> Vec<u8> {
    message(3, 20, stream, &values.concat())
}

pub(crate) fn connect() -> Vec<u8> {
    let object = object(&[("app", text("live?a=b")), ("flashVer", text("ours/1.0"))]);
    command(0, &[&text("connect"), &number(1.0), &object])
}

pub(crate) fn publish(key: &str) -> Vec<u8> {
    let create = command(0, &[&text("createStream"), &number(4.0), NULL]);
    let publish = command(1, &[&text("publish"), &number(5.0), NULL, &text(key), &text("live")]);
    [create, publish].concat()
}

/// Everything before the first frame.
pub(crate) fn prelude() -> Vec<u8> {
    [handshake(), connect(), publish("key")].concat()
}

/// A session that has accepted its publisher, at time zero.
pub(crate) fn publishing(limits: Limits) -> Session {
    let mut session = Session::new(limits, 1);
    let mut input = &prelude()[..];
    let event = session.receive(Duration::ZERO, &mut input).unwrap();
    assert!(matches!(event, Some(Event::Publish(_))), "{event:?}");
    session.accept(Duration::ZERO);
    session.take_output();
    session
}

/// Feeds pieces to a session, which accepts every publisher, and returns what it tells.
pub(crate) fn feed<'a>(
    session: &mut Session,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Result<(), Error>) {
    let mut events = Vec::new();
    for mut piece in pieces {
        loop {
            match session.receive(Duration::ZERO, &mut piece) {
                Ok(Some(event)) => {
                    if matches!(event, Event::Publish(_)) {
                        session.accept(Duration::ZERO);
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
            session.take_output();
        }
        assert!(piece.is_empty(), "bytes are left without an event");
        session.take_output();
    }
    (events, Ok(()))
}

/// The messages in replies, as type and payload: the handshake first, where there is one.
pub(crate) fn replies(mut bytes: &[u8], has_handshake: bool) -> Vec<(u8, Vec<u8>)> {
    if has_handshake {
        bytes = &bytes[1 + 2 * 1536..];
    }
    let mut replies = Vec::new();
    // Once it has answered `connect`, a session sends chunks of 4 KiB.
    let mut chunk_bytes = if has_handshake { 128 } else { 4096 };
    while let [first, _, _, _, a, b, c, kind, _, _, _, _, rest @ ..] = bytes {
        assert!(*first < 64, "replies begin with full headers");
        let mut left = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let mut payload = Vec::new();
        bytes = rest;
        loop {
            let (part, rest) = bytes.split_at(left.min(chunk_bytes));
            payload.extend(part);
            left -= part.len();
            bytes = rest;
            if left == 0 {
                break;
            }
            assert_eq!(bytes[0], 0xc0 | first);
            bytes = &bytes[1..];
        }
        if *kind == 1 {
            chunk_bytes = u32::from_be_bytes(*payload.first_chunk().unwrap()) as usize;
        }
        replies.push((*kind, payload));
    }
    assert!(bytes.is_empty(), "a reply is cut");
    replies
}

/// What a chunk stream remembers of its last message.
#[derive(Clone)]
struct Last {
    timestamp: u32,
    field: u32,
    length: usize,
    kind: u8,
}

/// Cuts messages into chunks with every form of header that the specification allows.
pub(crate) struct Chunker {
    pub(crate) chunk_bytes: usize,
    /// Whether continued chunks repeat an extended time stamp.
    pub(crate) repeats: bool,
    last: HashMap<u32, Last>,
}

impl Chunker {
    pub(crate) fn new(chunk_bytes: usize, repeats: bool) -> Self {
        Self { chunk_bytes, repeats, last: HashMap::new() }
    }

    /// The chunks of a message on message stream 1. `pick` chooses among the forms that can say it.
    pub(crate) fn cut(
        &mut self,
        id: u32,
        kind: u8,
        timestamp: u32,
        payload: &[u8],
        pick: usize,
    ) -> Vec<Vec<u8>> {
        let length = payload.len();
        let mut forms = vec![(0, timestamp)];
        if let Some(last) = self.last.get(&id) {
            let delta = timestamp.wrapping_sub(last.timestamp);
            forms.push((1, delta));
            if (last.length, last.kind) == (length, kind) {
                forms.push((2, delta));
                forms.extend((last.field == delta).then_some((3, delta)));
            }
        }
        let (form, field) = forms[pick % forms.len()];
        self.last.insert(id, Last { timestamp, field, length, kind });
        let extended = (field >= 0xff_ffff).then(|| field.to_be_bytes());
        let mut header = basic(form, id);
        if form < 3 {
            let short = if extended.is_some() { 0xff_ffff } else { field };
            header.extend(&short.to_be_bytes()[1..]);
        }
        if form < 2 {
            header.extend(&u32::try_from(length).unwrap().to_be_bytes()[1..]);
            header.push(kind);
        }
        if form == 0 {
            header.extend([1, 0, 0, 0]);
        }
        if form < 3 || self.repeats {
            header.extend(extended.iter().flatten());
        }
        let mut chunks = Vec::new();
        let mut parts = payload.chunks(self.chunk_bytes);
        chunks.push([&header[..], parts.next().unwrap_or_default()].concat());
        for part in parts {
            let mut chunk = basic(3, id);
            if self.repeats {
                chunk.extend(extended.iter().flatten());
            }
            chunk.extend(part);
            chunks.push(chunk);
        }
        chunks
    }
}

fn basic(form: u8, id: u32) -> Vec<u8> {
    let top = form << 6;
    match id {
        2..64 => vec![top | u8::try_from(id).unwrap()],
        64..320 => vec![top, u8::try_from(id - 64).unwrap()],
        _ => [&[top | 1][..], &u16::try_from(id - 64).unwrap().to_le_bytes()].concat(),
    }
}
