//! What a publisher asks and is answered, and what time does to it.

use crate::wire::{self, NULL, command, number, text};
use rtmp::{Ended, Error, Event, Limits, Session};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Whether a reply of that type holds the text.
fn holds(replies: &[(u8, Vec<u8>)], kind: u8, text: &str) -> bool {
    let mut payloads = replies.iter().filter(|reply| reply.0 == kind).map(|reply| &reply.1);
    payloads.any(|payload| payload.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[test]
fn a_publisher_is_asked_about_and_accepted() {
    let mut session = Session::new(Limits::default(), 1);
    let bytes = [
        wire::handshake(),
        wire::connect(),
        command(0, &[&text("releaseStream"), &number(2.0), NULL, &text("mrs_1?x=y")]),
        command(0, &[&text("FCPublish"), &number(3.0), NULL, &text("mrs_1?x=y")]),
        command(0, &[&text("_checkbw"), &number(6.0), NULL]),
        command(0, &[&text("setPeerInfo"), &number(7.0), NULL]),
        wire::publish("mrs_1?x=y"),
    ]
    .concat();
    let mut input = &bytes[..];
    let event = session.receive(SECOND, &mut input).unwrap();
    let Some(Event::Publish(request)) = event else { panic!("{event:?}") };
    assert_eq!((request.app.as_str(), request.key.expose()), ("live", "mrs_1"));
    assert_eq!(request.encoder, "ours/1.0");
    let shown = format!("{request:?} {:?}", request.key);
    for secret in ["mrs_1", "live", "ours"] {
        assert!(!shown.contains(secret), "{secret} is in the debug output");
    }
    let replies = wire::replies(&session.take_output(), true);
    assert!(holds(&replies, 20, "NetConnection.Connect.Success"));
    assert!(holds(&replies, 20, "fourCcList") && holds(&replies, 20, "capsEx"));
    for transaction in [2.0, 3.0, 4.0, 6.0] {
        let result = [text("_result"), number(transaction), NULL.to_vec()].concat();
        let found =
            replies.iter().any(|(kind, payload)| *kind == 20 && payload.starts_with(&result));
        assert!(found, "no result for call {transaction}");
    }
    session.accept(SECOND);
    let replies = wire::replies(&session.take_output(), false);
    assert!(holds(&replies, 20, "NetStream.Publish.Start"), "{replies:?}");
    assert_eq!(replies[0], (4, vec![0, 0, 0, 0, 0, 1]), "stream begins");
}

#[test]
fn a_refused_publisher_is_told_why() {
    let mut session = Session::new(Limits::default(), 1);
    session.receive(SECOND, &mut &wire::prelude()[..]).unwrap();
    session.end("unknown stream key");
    let replies = wire::replies(&session.take_output(), true);
    assert!(holds(&replies, 20, "NetStream.Publish.Denied"));
    assert!(holds(&replies, 20, "unknown stream key"));
    session.accept(SECOND);
    assert!(session.take_output().is_empty(), "a refused publisher cannot be accepted");
    let frame = wire::message(4, 8, 1, &[0x73, 1]);
    assert_eq!(wire::feed(&mut session, [&frame[..]]), (vec![], Ok(())));
}

#[test]
fn an_unsupported_codec_ends_the_session_by_name() {
    let mut session = wire::publishing(Limits::default());
    let error = Error::UnsupportedCodec { codec: "HEVC in classic FLV" };
    let frame = wire::message(4, 9, 1, &[0x1c, 1, 0, 0, 0]);
    assert_eq!(session.receive(SECOND, &mut &frame[..]), Err(error.clone()));
    assert!(holds(&wire::replies(&session.take_output(), false), 20, "HEVC in classic FLV"));
    assert_eq!(session.receive(SECOND, &mut &frame[..]), Err(error.clone()), "and stays ended");
    assert_eq!((session.tick(SECOND), session.deadline()), (Err(error), None));
}

#[test]
fn metadata_is_read_bare_and_behind_its_command() {
    let values = [8, 0, 0, 0, 0];
    let pairs = [&text("width")[1..], &number(160.0), &[0, 0, 9]].concat();
    for (kind, start) in [(18, text("@setDataFrame")), (18, vec![]), (15, vec![0])] {
        let body = [&start[..], &text("onMetaData"), &values[..], &pairs].concat();
        let mut session = wire::publishing(Limits::default());
        let (events, result) = wire::feed(&mut session, [&wire::message(4, kind, 1, &body)[..]]);
        assert_eq!(result, Ok(()));
        let [Event::Metadata(metadata)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((metadata.number("width"), metadata.text("width")), (Some(160.0), None));
        assert!(!format!("{metadata:?}").contains("width"), "what it wrote is in the debug output");
    }
}

#[test]
fn the_end_is_told_once_however_it_is_said() {
    for name in ["FCUnpublish", "deleteStream", "closeStream"] {
        let mut session = wire::publishing(Limits::default());
        let end = command(0, &[&text(name), &number(6.0), NULL, &text("key")]);
        let delete = command(0, &[&text("deleteStream"), &number(7.0), NULL, &number(1.0)]);
        let (events, result) = wire::feed(&mut session, [&end[..], &delete]);
        assert_eq!((events, result), (vec![Event::Ended(Ended::Unpublished)], Ok(())), "{name}");
        assert_eq!(session.deadline(), None);
    }
}

#[test]
fn players_and_disorder_are_refused_by_name() {
    let play = command(1, &[&text("play"), &number(0.0), NULL, &text("key")]);
    let publish = wire::publish("key");
    for (bytes, error) in [
        ([wire::connect(), play].concat(), Error::PlayRefused),
        (publish.clone(), Error::Command { command: "createStream" }),
        ([wire::connect(), wire::connect()].concat(), Error::Command { command: "connect" }),
        (
            [wire::connect(), publish.clone(), publish].concat(),
            Error::Command { command: "createStream" },
        ),
        (command(0, &[NULL]), Error::Command { command: "(without a name)" }),
    ] {
        let mut session = Session::new(Limits::default(), 1);
        let (_, result) = wire::feed(&mut session, [&wire::handshake()[..], &bytes]);
        assert_eq!(result, Err(error));
    }
}

#[test]
fn received_bytes_are_acknowledged_as_the_peer_asks() {
    let mut session = wire::publishing(Limits::default());
    let already = session.statistics().bytes;
    let window = wire::message(2, 5, 0, &20_000_u32.to_be_bytes());
    session.receive(SECOND, &mut &window[..]).unwrap();
    let frame = wire::stamped(4, 8, 1, 0, &[0x73; 9_000], 128);
    session.receive(SECOND, &mut &frame[..]).unwrap();
    assert!(session.take_output().is_empty(), "below the window");
    session.receive(SECOND, &mut &frame[..]).unwrap();
    let total = already + (window.len() + 2 * frame.len()) as u64;
    let replies = wire::replies(&session.take_output(), false);
    let [(3, sequence)] = &replies[..] else { panic!("{replies:?}") };
    let sequence = u64::from(u32::from_be_bytes(*sequence.first_chunk().unwrap()));
    assert!(sequence <= total && sequence > total - 9_200, "{sequence} of {total}");
}

#[test]
fn a_ping_is_answered() {
    let mut session = wire::publishing(Limits::default());
    let ping = wire::message(2, 4, 0, &[0, 6, 1, 2, 3, 4]);
    session.receive(SECOND, &mut &ping[..]).unwrap();
    let replies = wire::replies(&session.take_output(), false);
    assert_eq!(replies, [(4, vec![0, 7, 1, 2, 3, 4])]);
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let mut session = wire::publishing(Limits::default());
    assert_eq!(session.deadline(), Some(5 * SECOND));
    assert_eq!(session.tick(4 * SECOND), Ok(()));
    assert!(session.take_output().is_empty());
    assert_eq!(session.tick(5 * SECOND), Ok(()));
    let asked = (4, [&[0, 6][..], &5_000_u32.to_be_bytes()].concat());
    assert_eq!(wire::replies(&session.take_output(), false), [asked]);
    assert_eq!(session.deadline(), Some(8 * SECOND));
    let answer = wire::message(2, 4, 0, &[0, 7, 0, 0, 0, 9]);
    session.receive(7 * SECOND, &mut &answer[..]).unwrap();
    assert_eq!((session.tick(8 * SECOND), session.deadline()), (Ok(()), Some(12 * SECOND)));
    assert_eq!(session.tick(15 * SECOND), Err(Error::Silent { seconds: 8 }));
}

#[test]
fn a_slow_peer_is_given_up_before_it_publishes() {
    let mut session = Session::new(Limits::default(), 1);
    assert_eq!(session.receive(SECOND, &mut &wire::handshake()[..100]), Ok(None));
    assert_eq!((session.deadline(), session.tick(4 * SECOND)), (Some(5 * SECOND), Ok(())));
    assert_eq!(session.tick(5 * SECOND), Err(Error::HandshakeTooSlow { seconds: 5 }));
    let mut session = Session::new(Limits::default(), 1);
    let bytes = [wire::handshake(), wire::connect()].concat();
    assert_eq!(session.receive(SECOND, &mut &bytes[..]), Ok(None));
    assert_eq!(session.tick(9 * SECOND), Ok(()));
    assert_eq!(session.tick(10 * SECOND), Err(Error::PublishTooSlow { seconds: 10 }));
}
