//! Takes one publisher and writes what it sends to a file: how `testdata` was recorded.
//!
//! `cargo run -p rtmp --example record -- 127.0.0.1:1935 out.rtmp`, then start the publisher.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use rtmp::{Event, Limits, Session};
use std::{
    error::Error,
    io::{Read, Write},
    net::TcpListener,
    time::Instant,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name an address to listen on")?;
    let path = arguments.next().ok_or("name a file to write")?;
    let (mut peer, _) = TcpListener::bind(address)?.accept()?;
    let started = Instant::now();
    let mut session = Session::new(Limits::default(), 1);
    let (mut recorded, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = peer.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        recorded.extend(&buffer[..read]);
        let mut input = &buffer[..read];
        let result = loop {
            match session.receive(started.elapsed(), &mut input) {
                Ok(Some(Event::Publish(request))) => {
                    let (app, key) = (&request.app, request.key.expose());
                    println!("{} asks for {app} {key}", request.encoder);
                    session.accept(started.elapsed());
                }
                Ok(Some(Event::Video { .. } | Event::Audio { .. })) => {}
                Ok(Some(event)) => println!("{event:?}"),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        peer.write_all(&session.take_output())?;
        if let Err(error) = result {
            println!("{error}");
            break;
        }
    }
    println!("{} bytes, {:?}", recorded.len(), session.statistics());
    fs_err::write(path, recorded)?;
    Ok(())
}
