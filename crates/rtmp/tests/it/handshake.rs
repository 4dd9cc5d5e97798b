//! The handshake with digests, from the side of a client that checks them.

use proptest::{collection::vec, prelude::*};
use ring::hmac;
use rtmp::{Limits, Session};
use std::time::Duration;

const PLAYER: &[u8] = b"Genuine Adobe Flash Player 001";
const SERVER: &[u8] = b"Genuine Adobe Flash Media Server 001";
const REST: &[u8] = b"\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57\
    \x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";

fn sign(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

fn place(packet: &[u8], scheme: usize) -> usize {
    scheme + 4 + packet[scheme..][..4].iter().map(|&byte| usize::from(byte)).sum::<usize>() % 728
}

/// A C1 with a digest by one of the two schemes.
fn c1(random: &[u8], scheme: usize) -> Vec<u8> {
    let mut c1: Vec<u8> = random.iter().copied().cycle().take(1536).collect();
    c1[4..8].copy_from_slice(&[128, 0, 7, 2]);
    let at = place(&c1, scheme);
    let digest = sign(PLAYER, &[&c1[..at], &c1[at + 32..]].concat());
    c1[at..at + 32].copy_from_slice(&digest);
    c1
}

fn answer(c1: &[u8]) -> Vec<u8> {
    let mut session = Session::new(Limits::default(), 7);
    let bytes = [&[3][..], c1].concat();
    assert_eq!(session.receive(Duration::ZERO, &mut &bytes[..]), Ok(None));
    let answer = session.take_output();
    assert_eq!((answer.len(), answer[0]), (1 + 2 * 1536, 3));
    answer[1..].to_vec()
}

proptest! {
    #[test]
    fn a_digest_is_answered_with_digests(random in vec(any::<u8>(), 64..200), second: bool) {
        let scheme = if second { 772 } else { 8 };
        let c1 = c1(&random, scheme);
        let answer = answer(&c1);
        let (s1, s2) = answer.split_at(1536);
        let at = place(s1, scheme);
        let digest = sign(SERVER, &[&s1[..at], &s1[at + 32..]].concat());
        prop_assert_eq!(&digest, &s1[at..at + 32]);
        prop_assert!(s1[4] >= 3, "clients look for digests from version 3 on");
        let at = place(&c1, scheme);
        let key = sign(&[SERVER, REST].concat(), &c1[at..at + 32]);
        prop_assert_eq!(sign(&key, &s2[..1504]), &s2[1504..]);
    }

    #[test]
    fn hostile_first_packets_are_echoed(c1 in vec(any::<u8>(), 1536)) {
        prop_assert_eq!(&answer(&c1)[1536..], &c1[..]);
    }
}

#[test]
fn a_simple_handshake_is_echoed_without_a_version() {
    let mut c1: Vec<u8> = (0..1536).map(|n| u8::try_from(n % 251).unwrap()).collect();
    c1[4..8].fill(0);
    let answer = answer(&c1);
    assert_eq!(answer[4..8], [0; 4]);
    assert_eq!(&answer[1536..], &c1[..]);
    let distinct: std::collections::BTreeSet<_> = answer[8..1536].iter().collect();
    assert!(distinct.len() > 200, "the rest of S1 is random");
}
