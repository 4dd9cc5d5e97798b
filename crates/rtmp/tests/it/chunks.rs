//! Messages in any chunks, interleaved in any way, come out as they were.

use crate::wire::{self, Chunker};
use proptest::{collection::vec, prelude::*, sample::Index};
use rtmp::{Audio, Event, Limits, Video};
use std::collections::VecDeque;

/// A message to send: sound without headers of its own, or a picture.
#[derive(Debug, Clone)]
struct Sent {
    chunk_stream: u32,
    is_picture: bool,
    timestamp: u32,
    data: Vec<u8>,
    form: usize,
}

impl Sent {
    fn payload(&self) -> Vec<u8> {
        // An H.264 frame without composition time, or stereo sound in A-law.
        let header: &[u8] = if self.is_picture { &[0x27, 1, 0, 0, 0] } else { &[0x73] };
        [header, &self.data].concat()
    }
}

fn message() -> impl Strategy<Value = Sent> {
    let chunk_stream = prop::sample::select(vec![4_u32, 6, 63, 64, 319, 320, 65_599]);
    // Steps that repeat, that need four bytes, and that wrap.
    let timestamp = prop_oneof![
        (0..8_u32).prop_map(|n| n * 40),
        Just(0xff_fffe),
        Just(0xff_ffff),
        Just(0x100_0000),
        Just(u32::MAX),
        any::<u32>(),
    ];
    let data = prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 0..1500), Just(vec![7; 128])];
    (chunk_stream, any::<bool>(), timestamp, data, any::<usize>()).prop_map(
        |(chunk_stream, is_picture, timestamp, data, form)| Sent {
            chunk_stream,
            is_picture,
            timestamp,
            data,
            form,
        },
    )
}

/// The chunks of a chunk stream that are still to be sent, and which message ends with each.
type Queue = VecDeque<(Vec<u8>, Option<usize>)>;

/// The chunks in an order that keeps that of each chunk stream, and the order in which messages end.
fn interleave(chunker: &mut Chunker, sent: &[Sent], order: &[Index]) -> (Vec<u8>, Vec<usize>) {
    let mut queues: Vec<(u32, Queue)> = Vec::new();
    for (n, message) in sent.iter().enumerate() {
        let kind = if message.is_picture { 9 } else { 8 };
        let id = message.chunk_stream;
        let chunks = chunker.cut(id, kind, message.timestamp, &message.payload(), message.form);
        let last = chunks.len() - 1;
        let chunks =
            chunks.into_iter().enumerate().map(|(at, chunk)| (chunk, (at == last).then_some(n)));
        match queues.iter_mut().find(|(queue, _)| *queue == id) {
            Some((_, queue)) => queue.extend(chunks),
            None => queues.push((id, chunks.collect())),
        }
    }
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    let mut order = order.iter().cycle();
    while !queues.is_empty() {
        let at = order.next().unwrap().index(queues.len());
        let (chunk, end) = queues[at].1.pop_front().unwrap();
        bytes.extend(chunk);
        ends.extend(end);
        if queues[at].1.is_empty() {
            queues.remove(at);
        }
    }
    (bytes, ends)
}

fn is_told(event: &Event, sent: &Sent) -> bool {
    let (time_ms, data) = match event {
        Event::Video { time_ms, video: Video::Frame(frame) } if sent.is_picture => {
            (time_ms, &frame.data)
        }
        Event::Audio { time_ms, audio: Audio::Frame(frame) } if !sent.is_picture => {
            (time_ms, &frame.data)
        }
        _ => return false,
    };
    data == &sent.data && (time_ms & 0xffff_ffff) == i64::from(sent.timestamp)
}

proptest! {
    #[test]
    fn every_form_of_header_says_the_same(
        sent in vec(message(), 1..30),
        order in vec(any::<Index>(), 1..60),
        chunk_bytes in 128..600_u32,
        repeats: bool,
        cuts in vec(1..400_usize, 1..20),
    ) {
        let mut session = wire::publishing(Limits::default());
        let set_chunk_size = wire::message(2, 1, 0, &chunk_bytes.to_be_bytes());
        let mut chunker = Chunker::new(chunk_bytes as usize, repeats);
        let (bytes, ends) = interleave(&mut chunker, &sent, &order);
        // Without repeated time stamps it takes four bytes more to know where a chunk begins.
        let bytes = [set_chunk_size, bytes, wire::message(2, 3, 0, &[0; 4])].concat();
        let (mut pieces, mut rest, mut cuts) = (Vec::new(), &bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = after;
        }
        let (events, result) = wire::feed(&mut session, pieces);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(events.len(), sent.len());
        for (event, n) in events.iter().zip(ends) {
            prop_assert!(is_told(event, &sent[n]), "{:?} is not {:?}", event, &sent[n]);
        }
    }
}

#[test]
fn librtmp_answers_a_ping_with_a_header_of_form_1_on_a_fresh_chunk_stream() {
    let mut session = wire::publishing(Limits::default());
    // Chunk stream 5 has not been used: time 0, six bytes, user control.
    let pong = [0x45, 0, 0, 0, 0, 0, 6, 4, 0, 7, 0, 0, 0, 9];
    assert_eq!(wire::feed(&mut session, [&pong[..]]), (vec![], Ok(())));
}

#[test]
fn an_aborted_message_is_forgotten() {
    let mut session = wire::publishing(Limits::default());
    let mut chunker = Chunker::new(128, true);
    let chunks = chunker.cut(4, 8, 0, &[0x73; 300], 0);
    let whole = chunker.cut(4, 8, 40, &[0x73, 1, 2], 0);
    let bytes = [&chunks[0][..], &chunks[1], &wire::message(2, 2, 0, &[0, 0, 0, 4]), &whole[0]];
    let (events, result) = wire::feed(&mut session, bytes);
    assert_eq!(result, Ok(()));
    let [Event::Audio { time_ms: 40, audio: Audio::Frame(frame) }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(frame.data[..], [1, 2]);
}

#[test]
fn an_aggregate_is_what_it_holds() {
    let tag = |kind: u8, stamp: u32, data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let [high, a, b, c] = stamp.to_be_bytes();
        let header = [kind, length[1], length[2], length[3], a, b, c, high, 0, 0, 0];
        [&header[..], data, &[0, 0, 0, 0]].concat()
    };
    let body = [tag(8, 1000, &[0x73, 1]), tag(9, 1023, &[0x27, 1, 0, 0, 0, 2]), tag(8, 1046, b"")];
    let mut session = wire::publishing(Limits::default());
    let bytes = wire::stamped(4, 22, 1, 500, &body.concat(), 128);
    let (events, result) = wire::feed(&mut session, [&bytes[..]]);
    assert_eq!(result, Ok(()));
    let times: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Audio { time_ms, .. } | Event::Video { time_ms, .. } => *time_ms,
            Event::Malformed(_) => -1,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(times, [500, 523, -1]);
}
