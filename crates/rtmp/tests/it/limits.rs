//! Each bound has a name, and is met at its number.

use crate::wire::{self, command, number, text};
use rtmp::{Error, Event, Limits, Session, amf0};
use std::time::Duration;

/// How a publishing session answers to bytes.
fn refusal(limits: Limits, bytes: &[u8]) -> Option<Error> {
    let mut session = wire::publishing(limits);
    let (_, result) = wire::feed(&mut session, [bytes]);
    result.err()
}

fn header(chunk_stream: u8, length: u32, kind: u8) -> Vec<u8> {
    let [_, a, b, c] = length.to_be_bytes();
    vec![chunk_stream, 0, 0, 0, a, b, c, kind, 1, 0, 0, 0]
}

#[test]
fn a_message_may_be_4_mib() {
    let four_mib = 4 << 20;
    assert_eq!(refusal(Limits::default(), &header(4, four_mib, 9)), None);
    let error = Error::MessageTooLarge { bytes: (4 << 20) + 1, bytes_max: 4 << 20 };
    assert_eq!(refusal(Limits::default(), &header(4, four_mib + 1, 9)), Some(error));
}

#[test]
fn unfinished_messages_share_6_mib() {
    let set = wire::message(2, 1, 0, &0x20_0000_u32.to_be_bytes());
    // Chunks of 2 MiB of messages of 4 MiB, none of which ends.
    let chunk = |id| [header(id, 4 << 20, 9), vec![0; 2 << 20]].concat();
    let bytes = [set, chunk(4), chunk(5), chunk(6)].concat();
    assert_eq!(refusal(Limits::default(), &bytes), None);
    let bytes = [bytes, chunk(7)].concat();
    let error = Error::UnfinishedTooLarge { bytes_max: 6 << 20 };
    assert_eq!(refusal(Limits::default(), &bytes), Some(error));
}

#[test]
fn there_are_16_chunk_streams() {
    // The prelude uses chunk stream 3.
    let bytes: Vec<u8> = (4..19).flat_map(|id| header(id, 0, 3)).collect();
    assert_eq!(refusal(Limits::default(), &bytes), None);
    let bytes: Vec<u8> = (4..20).flat_map(|id| header(id, 0, 3)).collect();
    assert_eq!(refusal(Limits::default(), &bytes), Some(Error::TooManyChunkStreams { max: 16 }));
}

#[test]
fn chunk_sizes_have_two_ends() {
    for (bytes, is_refused) in
        [(0, true), (1, true), (127, true), (128, false), (0xff_ffff, false), (1 << 31, true)]
    {
        let (bytes_min, bytes_max) = (128, 0xff_ffff);
        let error = is_refused.then_some(Error::ChunkSize { bytes, bytes_min, bytes_max });
        let set = wire::message(2, 1, 0, &bytes.to_be_bytes());
        assert_eq!(refusal(Limits::default(), &set), error);
    }
}

#[test]
fn disorder_in_chunks_is_refused() {
    assert_eq!(refusal(Limits::default(), &[0xc4]), Some(Error::NoEarlierChunk));
    assert_eq!(refusal(Limits::default(), &[0x84]), Some(Error::NoEarlierChunk));
    let bytes = [header(4, 500, 9), vec![0; 128], header(4, 500, 9)].concat();
    assert_eq!(refusal(Limits::default(), &bytes), Some(Error::MessageInsideMessage));
    for kind in [1, 2, 4, 5] {
        let bytes = wire::message(2, kind, 0, &[0]);
        assert_eq!(refusal(Limits::default(), &bytes), Some(Error::ControlTruncated { kind }));
    }
}

#[test]
fn metadata_is_bounded_in_bytes_values_and_depth() {
    let data = |body: &[u8]| wire::message(4, 18, 1, body);
    let error = Error::AmfTooLarge { bytes: 65_537, bytes_max: 65_536 };
    assert_eq!(refusal(Limits::default(), &data(&vec![5; 65_537])), Some(error));
    assert_eq!(refusal(Limits::default(), &data(&[5; 1024])), None);
    let error = Error::Amf(amf0::Error::TooMany { max: 1024 });
    assert_eq!(refusal(Limits::default(), &data(&[5; 1025])), Some(error));
    let nested = |depth: usize| [[10, 0, 0, 0, 1].repeat(depth - 1), vec![5]].concat();
    assert_eq!(refusal(Limits::default(), &data(&nested(16))), None);
    let error = Error::Amf(amf0::Error::TooDeep { max: 16 });
    assert_eq!(refusal(Limits::default(), &data(&nested(17))), Some(error));
    let long = [10, 0xff, 0xff, 0xff, 0xff, 5];
    assert_eq!(refusal(Limits::default(), &data(&long)), Some(Error::Amf(amf0::Error::Truncated)));
    let amf3 = [0x11, 1];
    assert_eq!(
        refusal(Limits::default(), &data(&amf3)),
        Some(Error::Amf(amf0::Error::Marker(0x11)))
    );
}

#[test]
fn little_may_come_before_publishing() {
    let mut session = Session::new(Limits::default(), 1);
    let start = [wire::handshake(), wire::connect()].concat();
    let error = Err(Error::TooMuchBeforePublish { bytes_max: 65_536 });
    let filler = wire::message(4, 8, 1, &vec![0x73; 70_000]);
    assert_eq!(wire::feed(&mut session, [&start[..], &filler]), (vec![], error));
    assert_eq!(session.statistics().bytes, 65_536);
    let mut session = wire::publishing(Limits::default());
    let (events, result) = wire::feed(&mut session, [&filler[..]]);
    assert!(matches!(events[..], [Event::Audio { .. }]) && result.is_ok(), "and more afterwards");
}

#[test]
fn the_bit_rate_is_limited_over_a_window() {
    let limits = Limits { bits_per_second: 80_000, ..Limits::default() };
    // 10 kB/s over 5 s.
    let frame = wire::stamped(4, 8, 1, 0, &[0x73; 9_900], 128);
    let mut session = wire::publishing(limits.clone());
    for second in 0..30 {
        let result = session.receive(Duration::from_secs(second), &mut &frame[..]);
        assert!(matches!(result, Ok(Some(_))), "{result:?} in second {second}");
    }
    let mut session = wire::publishing(limits);
    let mut send = || session.receive(Duration::ZERO, &mut &frame[..]);
    assert!((0..5).all(|_| send().is_ok()));
    assert_eq!(send(), Err(Error::TooFast { bits_per_second_max: 80_000 }));
}

#[test]
fn replies_that_nobody_reads_are_limited() {
    let mut session = wire::publishing(Limits::default());
    let ping = wire::message(2, 4, 0, &[0, 6, 1, 2, 3, 4]).repeat(5_000);
    let result = session.receive(Duration::ZERO, &mut &ping[..]);
    assert_eq!(result, Err(Error::OutputFull { bytes_max: 65_536 }));
    assert!(session.take_output().len() < 66_000);
}

#[test]
fn other_protocols_are_refused_at_their_first_byte() {
    for first in [b'G', 22, 6, 0] {
        let mut session = Session::new(Limits::default(), 1);
        let result = session.receive(Duration::ZERO, &mut &[first][..]);
        assert_eq!(result, Err(Error::NotRtmp { first }));
        assert!(session.take_output().is_empty());
    }
}

#[test]
fn a_command_without_its_object_is_refused() {
    let connect = command(0, &[&text("connect"), &number(1.0)]);
    let mut session = Session::new(Limits::default(), 1);
    let (_, result) = wire::feed(&mut session, [&wire::handshake()[..], &connect]);
    assert_eq!(result, Err(Error::Command { command: "connect" }));
}
