//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use tokio::task::LocalSet;

use crate::compare::{Compare, compare};
use crate::instructions::Instructions;
use crate::limit;
use crate::process::Processes;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Bench, Scenario};
use crate::soak::Soak;
use crate::target::{Kind, Target};

/// Put load on a Channelstream server, and on others to compare
#[derive(Debug, Parser)]
#[command(name = "channelstream-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Scenario(Scenario),
    /// Serve as the limit of what the machine allows: one write of a ready frame to each socket, in
    /// a loop
    Limit {
        /// Where to listen
        #[arg(long, default_value_t = 8000)]
        port: u16,
        /// One write for all that has queued up for a socket
        #[arg(long)]
        merge: bool,
    },
    /// Start this server, nchan, NATS and the limit in turn, run the scenarios on each, and print
    /// the ratios
    Compare(Compare),
    /// Start this server under valgrind and count the instructions of its calls and deliveries
    Instructions(Instructions),
    /// Start this server, let clients come and go, publish and poll for a long time at half of what
    /// the machine can do, and fail if anything has grown
    Soak(Soak),
}

/// Which server to put under load
#[derive(Clone, Debug, Args)]
struct Server {
    /// What kind of server it is
    #[arg(long, global = true, value_enum, default_value_t = Kind::Channelstream)]
    target: Kind,
    /// Where it listens; plain HTTP, so behind a proxy that ends https, speak to it directly
    #[arg(long, global = true, default_value = "127.0.0.1:8000")]
    address: String,
    /// Where NATS takes publications
    #[arg(long, global = true)]
    publish_address: Option<String>,
    /// The secret that signs calls; better given as variable than as flag, which others on the
    /// machine can read
    #[arg(
        long,
        global = true,
        env = "CHANNELSTREAM_SECRET",
        default_value = "secret",
        hide_env_values = true
    )]
    secret: String,
    /// Its process, if it runs on this machine, to measure its CPU and memory; child processes
    /// count too
    #[arg(long, global = true)]
    pid: Vec<u32>,
}

/// Between two turns of reading.
const NAP: Duration = Duration::from_micros(200);

/// Runs the command line of this process.
pub(crate) fn run() -> Result<()> {
    let cli = Cli::parse();
    // A subscriber is a descriptor. Where it cannot be raised, opening one too many will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match cli.command {
        Command::Scenario(scenario) => {
            let server = cli.server;
            let publish_address = server.publish_address.as_deref().map(resolve).transpose()?;
            let target = Target::new(
                server.target,
                resolve(&server.address)?,
                publish_address,
                &server.secret,
            );
            let bench = Bench {
                target,
                processes: Processes::of(&server.pid),
                progress: Progress::new(scenario.name()),
            };
            print(&measure(&scenario, &bench)?, cli.json)
        }
        Command::Limit { port, merge } => limit::serve(
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            merge,
        ),
        Command::Compare(options) => compare(&options, cli.json),
        Command::Instructions(options) => print(&options.run()?, cli.json),
        Command::Soak(options) => options.run(),
    }
}

/// Does it, on one thread.
pub(crate) fn measure(scenario: &Scenario, bench: &Bench) -> Result<Report> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    if scenario.is_batched() {
        // A sleeping reader is woken by the server's write, at the server's expense and for each
        // message anew. Clients elsewhere are not; so here they read in short turns, whatever
        // server is measured.
        runtime.on_thread_park(|| std::thread::sleep(NAP));
    }
    let runtime = runtime.enable_all().build()?;
    LocalSet::new().block_on(&runtime, scenario.run(bench))
}

fn print(report: &Report, as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

fn resolve(address: &str) -> Result<SocketAddr> {
    let mut addresses = address
        .to_socket_addrs()
        .with_context(|| format!("{address} is no HOST:PORT"))?;
    addresses
        .next()
        .ok_or_else(|| anyhow!("{address} leads to no address"))
}
