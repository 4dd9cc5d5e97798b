//! The same messages as another implementation, `librtmp2`, finds in the same chunks.

use crate::{
    recorded,
    wire::{self, Chunker},
};
use librtmp2::{
    buffer::Buffer,
    chunk::{reader, state::ChunkRegistry},
};
use proptest::{collection::vec, prelude::*, sample::select};
use rtmp::{Audio, Event, Limits, Session, Video};

/// The frames that it finds behind the handshake: type, time stamp and tag.
fn theirs(bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut buffer = Buffer::from_slice(&bytes[1 + 2 * 1536..]);
    let (mut registry, mut message) = (ChunkRegistry::new(), reader::ChunkMessage::default());
    let mut found = Vec::new();
    while buffer.available() > 0 {
        let before = buffer.available();
        let read = reader::chunk_read_owned(&mut buffer, &mut registry, &mut message);
        let (_, payload) = read.unwrap();
        if message.is_complete {
            match message.msg_type_id {
                1 => {
                    let bytes = u32::from_be_bytes(*payload.first_chunk().unwrap());
                    registry.set_all_chunk_size(bytes);
                }
                // Enhanced tags of packet type 4 describe channels and colours; we leave them out.
                8 if payload[0] == 0x94 => {}
                9 if payload[0] & 0x8f == 0x84 => {}
                8 | 9 => found.push((message.msg_type_id, message.timestamp, payload)),
                _ => {}
            }
        }
        assert!(buffer.available() < before, "the chunks end inside one");
    }
    found
}

/// The frames that we find: type, time stamp and what is behind the tag's header.
fn ours(bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let (events, result) = wire::feed(&mut Session::new(Limits::default(), 1), [bytes]);
    assert_eq!(result, Ok(()));
    let low = |ms: i64| u32::try_from(ms & 0xffff_ffff).unwrap();
    let frames = events.into_iter().filter_map(|event| match event {
        Event::Audio { time_ms, audio } => {
            let data = match audio {
                Audio::Frame(frame) => frame.data.to_vec(),
                Audio::Configuration { record, .. } => record.to_vec(),
                Audio::SequenceEnd => vec![],
            };
            Some((8, low(time_ms), data))
        }
        Event::Video { time_ms, video } => {
            let data = match video {
                Video::Frame(frame) => frame.data.to_vec(),
                Video::Configuration { record, .. } => record.to_vec(),
                Video::SequenceEnd => vec![],
            };
            Some((9, low(time_ms), data))
        }
        _ => None,
    });
    frames.collect()
}

fn assert_equal(bytes: &[u8]) {
    let (theirs, ours) = (theirs(bytes), ours(bytes));
    assert_eq!(theirs.len(), ours.len());
    for (n, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        assert_eq!((theirs.0, theirs.1), (ours.0, ours.1), "message {n}");
        assert!(theirs.2.ends_with(&ours.2), "message {n}");
        let header = theirs.2.len() - ours.2.len();
        assert!((1..=8).contains(&header), "{header} bytes of header in message {n}");
    }
}

#[test]
fn recordings_hold_what_librtmp2_finds() {
    // It gives every track, we the first.
    let one_track = recorded::ALL.into_iter().filter(|it| *it != recorded::MULTITRACK);
    one_track.for_each(assert_equal);
}

proptest! {
    #[test]
    fn chunks_hold_what_librtmp2_finds(
        sent in vec(
            (select(vec![4_u32, 6, 70, 400]), 0..200_u32, vec(any::<u8>(), 0..400), any::<usize>()),
            1..30,
        ),
    ) {
        let mut chunker = Chunker::new(128, true);
        let chunks = sent.iter().flat_map(|(id, step, data, form)| {
            chunker.cut(*id, 8, step * 20, &[&[0x73][..], data].concat(), *form)
        });
        assert_equal(&[wire::prelude(), chunks.collect::<Vec<_>>().concat()].concat());
    }
}
