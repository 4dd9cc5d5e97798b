//! The handshake, simple (RTMP 1.0, 5.2) and with digests (as Flash Player 9 and later do it).
//!
//! A client whose C1 carries a valid digest gets answers that carry one; every other client gets
//! an echo. What comes back as C2 is not compared: many clients send something else.

use crate::Error;
use ring::hmac;

const PACKET: usize = 1536;
const DIGEST: usize = 32;
/// Version of the server in S1; clients compare digests where it is 3 or more.
const SERVER_VERSION: [u8; 4] = [4, 5, 0, 1];
/// Where the four bytes are whose sum places the digest, in either of its two schemes. The digest
/// itself lies up to 728 bytes behind them.
const SCHEMES: [usize; 2] = [8, 772];

const PLAYER_KEY: &[u8] = b"Genuine Adobe Flash Player 001";
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001";
/// What follows both names in the keys of second digests, the same in every implementation.
const KEY_REST: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// The server's side, until C2 is in.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// C0 and C1, then C2.
    received: Vec<u8>,
    answered: bool,
    seed: u64,
}

impl Handshake {
    /// The seed fills the random bytes of S1; it need not be secret.
    pub(crate) fn new(seed: u64) -> Self {
        Self { received: Vec::with_capacity(1 + PACKET), answered: false, seed }
    }

    /// Takes bytes off the front and appends answers. True: the handshake is over.
    pub(crate) fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        if !self.answered {
            self.take(input, 1 + PACKET);
            if let Some(&first) = self.received.first().filter(|&&first| first != 3) {
                return Err(Error::NotRtmp { first });
            }
            if self.received.len() < 1 + PACKET {
                return Ok(false);
            }
            out.push(3);
            out.extend(answer(&self.received[1..], self.seed));
            self.answered = true;
            self.received.clear();
        }
        self.take(input, PACKET);
        Ok(self.received.len() == PACKET)
    }

    fn take(&mut self, input: &mut &[u8], whole: usize) {
        let (taken, rest) = input.split_at(input.len().min(whole - self.received.len()));
        self.received.extend(taken);
        *input = rest;
    }
}

/// S1 and S2.
fn answer(c1: &[u8], seed: u64) -> Vec<u8> {
    let mut s1 = vec![0; 8];
    let mut random = Random(seed);
    s1.extend((0..(PACKET - 8) / 8).flat_map(|_| random.next().to_be_bytes()));
    let Some((scheme, client_digest)) = client_digest(c1) else {
        return [&s1[..], c1].concat();
    };
    s1[4..8].copy_from_slice(&SERVER_VERSION);
    let at = digest_at(&s1, scheme);
    let digest = digest_without(&s1, at, SERVER_KEY);
    s1[at..at + DIGEST].copy_from_slice(&digest);
    let mut s2: Vec<u8> =
        (0..(PACKET - DIGEST) / 8).flat_map(|_| random.next().to_be_bytes()).collect();
    let key = sign(&[SERVER_KEY, &KEY_REST].concat(), &client_digest);
    s2.extend(sign(&key, &s2));
    [s1, s2].concat()
}

/// The digest in C1 and its scheme, if it has a valid one.
fn client_digest(c1: &[u8]) -> Option<(usize, Vec<u8>)> {
    // A version of zero marks the simple handshake.
    if c1[4..8] == [0; 4] {
        return None;
    }
    SCHEMES.into_iter().find_map(|scheme| {
        let at = digest_at(c1, scheme);
        let digest = &c1[at..at + DIGEST];
        (digest_without(c1, at, PLAYER_KEY) == digest).then(|| (scheme, digest.to_vec()))
    })
}

fn digest_at(packet: &[u8], scheme: usize) -> usize {
    let sum: usize = packet[scheme..scheme + 4].iter().map(|&byte| usize::from(byte)).sum();
    scheme + 4 + sum % 728
}

/// The digest of a packet over everything but the place of the digest.
fn digest_without(packet: &[u8], at: usize, key: &[u8]) -> Vec<u8> {
    sign(key, &[&packet[..at], &packet[at + DIGEST..]].concat())
}

fn sign(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

/// `SplitMix64`: bytes without a pattern, from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
