//! Which addresses may be reached: the one decision behind downloads, redirects and the proxy.
//! Pure; looking names up is `resolve`'s.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{Network, Refusal};

/// Public addresses, and the networks that are allowed although they are not public.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    allow: Vec<Network>,
}

impl Filter {
    /// A filter that lets `allow` pass besides what is public.
    pub fn new(allow: Vec<Network>) -> Self {
        Self { allow }
    }

    /// Whether a connection to `address` may be opened. Every port may be.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|network| network.contains(address))
    }

    /// Refuses an address that is wrong as written: another scheme than http or https, a user name
    /// or password in it, or a literal IP address that may not be reached. A host name passes: it is
    /// judged by what it resolves to, at the moment of connecting.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme { scheme: url.scheme().to_owned() });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        match url.host() {
            None => Err(Refusal::NoHost),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.permits(address) {
            return Ok(());
        }
        Err(Refusal::Address { host: address.to_string() })
    }
}

/// Whether an address is reachable by everybody on the internet, by the special-purpose registries
/// of the IANA.
///
/// The few public addresses inside blocks that are special as a whole count as not public. So do all
/// forms that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo), whatever they carry: where
/// NAT64 is the way out, its prefix has to be allowed.
pub fn is_public(address: IpAddr) -> bool {
    let special = |list: &[Network]| list.iter().any(|network| network.contains(address));
    match address {
        IpAddr::V4(_) => !special(SPECIAL_V4),
        IpAddr::V6(_) => GLOBAL_UNICAST_V6.contains(address) && !special(SPECIAL_V6),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_bits: u32) -> Network {
    Network::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits)
}

const fn v6(a: u16, b: u16, c: u16, prefix_bits: u32) -> Network {
    Network::new(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix_bits)
}

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, multicast, and one more.
const SPECIAL_V4: &[Network] = &[
    v4(0, 0, 0, 0, 8),       // "this network"; 0.0.0.0 reaches the machine itself
    v4(10, 0, 0, 0, 8),      // private use
    v4(100, 64, 0, 0, 10),   // shared address space of carriers
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local, and the metadata services of clouds
    v4(172, 16, 0, 0, 12),   // private use
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // 6to4 relays
    v4(192, 168, 0, 0, 16),  // private use
    v4(198, 18, 0, 0, 15),   // benchmarking
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 4),     // multicast
    v4(240, 0, 0, 0, 4),     // reserved, and broadcast
    // Azure's platform service has a public number but answers inside a virtual machine only.
    v4(168, 63, 129, 16, 32),
];

/// All that is assigned to hosts on the internet: loopback, mapped, NAT64, unique local, link-local,
/// site-local and multicast addresses lie outside.
const GLOBAL_UNICAST_V6: Network = v6(0x2000, 0, 0, 3);

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, as far as it is inside the above.
const SPECIAL_V6: &[Network] = &[
    v6(0x2001, 0, 0, 23), // IETF protocol assignments: Teredo, benchmarking, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16), // 6to4
    v6(0x3fff, 0, 0, 20), // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[&str] = &[
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://①②⑦.0.0.1/",
        "http://0.0.0.0/",
        "http://0/",
        "http://10.1.2.3/",
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://169.254.169.254/latest/meta-data/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.0.0.192/",
        "http://192.0.2.1/",
        "http://192.88.99.1/",
        "http://192.168.1.1/",
        "http://198.18.0.1/",
        "http://198.19.255.255/",
        "http://198.51.100.7/",
        "http://203.0.113.9/",
        "http://224.0.0.1/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::1]/",
        "http://[100::1]/",
        "http://[2001::1]/",
        "http://[2001:2::1]/",
        "http://[2001:10::1]/",
        "http://[2001:db8::1]/",
        "http://[2002:7f00:1::]/",
        "http://[3fff::1]/",
        "http://[5f00::1]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
    ];

    #[test]
    fn no_form_of_a_special_address_passes() {
        let filter = Filter::default();
        for text in HOSTILE {
            let refusal = filter.check(&text.parse().unwrap());
            assert!(matches!(refusal, Err(Refusal::Address { .. })), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        let filter = Filter::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for text in
            ["file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "data:,x", "rtmp://a/b"]
        {
            let refusal = filter.check(&text.parse().unwrap());
            assert!(matches!(refusal, Err(Refusal::Scheme { .. })), "{text}: {refusal:?}");
        }
        for text in ["http://me@8.8.8.8/", "http://me:secret@8.8.8.8/", "http://:secret@8.8.8.8/"] {
            assert_eq!(filter.check(&text.parse().unwrap()), Err(Refusal::Credentials), "{text}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        let filter = Filter::default();
        for text in [
            "http://8.8.8.8/",
            "https://1.1.1.1:8443/a.mp4",
            "http://100.63.255.255/",
            "http://100.128.0.0/",
            "http://172.15.0.1/",
            "http://172.32.0.1/",
            "http://198.17.0.1/",
            "http://198.20.0.1/",
            "http://223.255.255.255/",
            "http://[2606:4700::1111]/",
            "http://[2a00:1450::1]/",
            "https://example.org/a.mp4",
        ] {
            assert_eq!(filter.check(&text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[test]
    fn only_the_allowed_network_opens() {
        let filter = Filter::new(vec!["127.0.0.1/32".parse().unwrap()]);
        assert!(filter.permits("127.0.0.1".parse().unwrap()));
        assert!(!filter.permits("127.0.0.2".parse().unwrap()));
        assert!(!filter.permits("::ffff:127.0.0.1".parse().unwrap()));
        assert!(filter.permits("8.8.8.8".parse().unwrap()));
    }
}
