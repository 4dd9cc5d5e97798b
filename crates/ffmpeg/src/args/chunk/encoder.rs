//! Encoder options: one key frame grid and parameter sets that are equal in every chunk.

use std::ffi::OsString;

use media::{
    ladder::Rung,
    plan::{Encoder, VideoPlan},
};

use crate::args::Args;

/// Encodes a rung with a capped bit rate.
pub(super) fn encoder(args: &mut Args, rung: &Rung, plan: &VideoPlan) {
    match plan.encoder {
        Encoder::X264 => x264(args, rung, plan),
        Encoder::Nvenc => nvenc(args, rung, plan),
    }
    args.words("-fps_mode passthrough -map_metadata -1 -map_chapters -1 -fflags +bitexact -flags:v +bitexact");
}

fn x264(args: &mut Args, rung: &Rung, plan: &VideoPlan) {
    let gop = plan.grid.gop_frames().to_string();
    args.words("-c:v libx264").pair("-preset", plan.preset.as_str()).words("-profile:v high");
    args.pair("-b:v", rung.bitrate.bits().to_string());
    capped(args, rung);
    args.pair("-g", gop.clone()).pair("-keyint_min", gop).words("-sc_threshold 0");
    args.words("-x264-params stitchable=1").pair("-threads", plan.threads.to_string());
}

/// Constant quality below the same cap. A target bit rate of zero keeps `-cq` in charge; without
/// B-frames every GOP is closed and what is decoded is shown.
fn nvenc(args: &mut Args, rung: &Rung, plan: &VideoPlan) {
    let gop = plan.grid.gop_frames();
    args.words(NVENC).words("-profile:v high -rc vbr -cq 23 -b:v 0");
    capped(args, rung);
    args.pair("-g", gop.to_string()).words("-bf 0 -no-scenecut 1 -forced-idr 1");
    args.pair("-force_key_frames", format!("expr:eq(mod(n,{gop}),0)"));
}

const NVENC: &str = "-c:v h264_nvenc -preset p4";

fn capped(args: &mut Args, rung: &Rung) {
    args.pair("-maxrate", rung.bitrate.scaled(107, 100).bits().to_string());
    args.pair("-bufsize", rung.bitrate.scaled(3, 2).bits().to_string());
}

/// Arguments that encode a few frames with NVENC and keep nothing: they fail where there is no card.
pub(crate) fn trial() -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-f lavfi -i testsrc2=s=320x192:r=25 -frames:v 5 -pix_fmt yuv420p");
    args.words(NVENC).words("-rc vbr -cq 23 -b:v 0 -bf 0 -f null -");
    args.0
}
