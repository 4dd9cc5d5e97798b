//! Bytes that somebody made to do harm: reading them ends without a panic, in the same way however
//! they are split. `tests/memory.rs` looks at what they make a connection hold.
//!
//! `make fuzz` runs the same with as many cases as one has hours for.

use crate::{recorded, wire};
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use rtmp::{Limits, Session, amf0};

/// A recording with bytes of it changed, taken out, put in or repeated, and its end cut off.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x7f), Just(0x80), Just(0xc4)];
    let change = (any::<Index>(), value, 0..4_u8, any::<bool>());
    (select(recorded::ALL.to_vec()), vec(change, 0..16), any::<Index>()).prop_map(
        |(recording, changes, end)| {
            let mut bytes = recording.to_vec();
            for (at, value, how, is_early) in changes {
                // Behind the handshake, and half of them in the commands that follow it.
                let span = if is_early { 1500 } else { bytes.len() - 3073 };
                let at = 3073 + at.index(span.clamp(1, bytes.len() - 3073));
                match how {
                    0 => bytes[at] = value,
                    1 => bytes.insert(at, value),
                    2 => drop(bytes.remove(at)),
                    _ => {
                        let again = bytes[at..bytes.len().min(at + usize::from(value))].to_vec();
                        drop(bytes.splice(at..at, again));
                    }
                }
            }
            bytes.truncate(bytes.len() - end.index(bytes.len()) / 4);
            bytes
        },
    )
}

/// Ends without a panic, the same in one piece and in many, and stays as it ended.
fn survives(bytes: &[u8], cut: usize) -> Result<(), TestCaseError> {
    let mut session = Session::new(Limits::default(), 1);
    let whole = wire::feed(&mut session, [bytes]);
    let pieces = wire::feed(&mut Session::new(Limits::default(), 1), bytes.chunks(cut));
    prop_assert_eq!(&whole, &pieces);
    if let Err(error) = whole.1 {
        prop_assert_eq!(wire::feed(&mut session, [bytes]), (vec![], Err(error.clone())));
        prop_assert_eq!(session.tick(std::time::Duration::from_mins(1)), Err(error));
    }
    Ok(())
}

proptest! {
    #[test]
    fn hostile_recordings_end_in_one_way(bytes in spoiled(), cut in 1..5000_usize) {
        survives(&bytes, cut)?;
    }

    #[test]
    fn hostile_chunks_end_in_one_way(bytes in vec(any::<u8>(), 0..3000), cut in 1..50_usize) {
        survives(&[wire::prelude(), bytes].concat(), cut)?;
    }

    #[test]
    fn hostile_messages_end_in_one_way(
        messages in vec((0..24_u8, vec(any::<u8>(), 0..300)), 1..20),
        cut in 1..50_usize,
    ) {
        let messages = messages.iter().map(|(kind, body)| wire::message(4, *kind, 1, body));
        survives(&[wire::prelude(), messages.collect::<Vec<_>>().concat()].concat(), cut)?;
    }

    #[test]
    fn hostile_commands_end_in_one_way(
        name in select(vec!["connect", "createStream", "publish", "FCPublish", "deleteStream", "x"]),
        rest in vec(any::<u8>(), 0..200),
        cut in 1..50_usize,
    ) {
        let command = wire::message(3, 20, 0, &[wire::text(name), rest].concat());
        survives(&[wire::handshake(), command.clone()].concat(), cut)?;
        survives(&[wire::handshake(), wire::connect(), command].concat(), cut)?;
    }

    #[test]
    fn hostile_tags_are_read_or_refused(
        first in any::<u8>(),
        kind in 8..10_u8,
        rest in vec(prop_oneof![any::<u8>(), Just(0), Just(1)], 0..60),
    ) {
        let tag = wire::message(4, kind, 1, &[&[first][..], &rest].concat());
        survives(&[wire::prelude(), tag].concat(), 7)?;
    }

    #[test]
    fn hostile_values_are_read_or_refused(
        bytes in vec(prop_oneof![any::<u8>(), 0..0x12_u8, Just(0)], 0..400),
        values_max in 0..50_usize,
    ) {
        let mut reader = amf0::Reader::new(&bytes, values_max, 16);
        let mut read = 0;
        while let Ok(Some(_)) = reader.next_value() {
            read += 1;
        }
        prop_assert!(read <= values_max);
    }
}
