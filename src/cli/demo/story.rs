//! The conversation: who asks what, and whether the node that answered is the one that knows.

use super::DemoError;
use super::client::{Browser, Call, Got, Operation, SoapClient};
use super::edge::{Edge, Entry, Said};
use super::farm::Farm;
use super::mim::OBJECTS;
use super::screen::{Mood, Screen};
use super::sites::{Site, Sites};
use super::xml;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a request's line in the access log may take after the answer.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// How long a node that started again may take to be noticed before the conversation goes on.
const RECOVERY: Duration = Duration::from_secs(6);

/// What came of all requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u32,
    /// Requests that did not get to the node that knows, or got no answer at all.
    pub(super) astray: u32,
    /// Requests that named something which died with its node.
    pub(super) orphaned: u32,
}

/// What a request is expected to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The client's own node, or any for a new client.
    Home,
    /// Another node than the one that stopped; what the request asks for is new.
    Moved,
    /// The same, and what the request asks for died with the node that stopped.
    Orphaned,
}

pub(super) struct Story<'d> {
    pub(super) edge: &'d mut Edge,
    pub(super) farm: &'d mut Farm,
    pub(super) screen: &'d Screen,
    pub(super) sites: &'d Sites,
    pub(super) tally: Tally,
}

impl Story<'_> {
    pub(super) async fn tell(&mut self) -> Result<(), DemoError> {
        let mut clients = [101, 102, 103].map(SoapClient::new);
        self.web_services(&mut clients).await?;
        self.browsers().await?;
        self.failure(&mut clients).await
    }

    async fn web_services(&mut self, clients: &mut [SoapClient]) -> Result<(), DemoError> {
        self.screen
            .title("1. Web service clients send no cookies: each is known by its address, on both ports.");
        self.screen.line("  A context that Enumerate makes is in one node's memory, and so is a token that Issue makes on the other port.");
        self.screen.columns();
        use Operation::{Enumerate, Get, Issue, Pull, Release};
        for operation in [Enumerate, Pull, Pull, Release, Issue, Get] {
            for client in clients.iter_mut() {
                self.soap(client, operation, Expect::Home).await?;
            }
        }
        Ok(())
    }

    async fn browsers(&mut self) -> Result<(), DemoError> {
        self.screen
            .title("2. Browsers get a cookie from the edge, one for each site: their address may change.");
        self.screen.columns();
        let mut browsers = [111, 112].map(Browser::new);
        let sites = self.sites;
        let (portal, reset, registration) = (&sites.portal, &sites.reset, &sites.registration);
        for _ in 0..2 {
            for browser in &mut browsers {
                self.browse(browser, portal, "/IdentityManagement").await?;
            }
        }
        let [one, two] = &mut browsers;
        for (browser, site) in [(&mut *one, reset), (&mut *two, registration)] {
            self.browse(browser, site, "/").await?;
            self.browse(browser, site, "/Gate").await?;
        }
        one.ip = Ipv4Addr::new(127, 0, 0, 119);
        self.screen.line("  127.0.0.111 moves to another network and is 127.0.0.119 now:");
        self.browse(one, portal, "/IdentityManagement").await?;
        self.browse(one, reset, "/Gate").await
    }

    async fn failure(&mut self, clients: &mut [SoapClient]) -> Result<(), DemoError> {
        let Some(stopped) = clients.first().and_then(|client| client.node.clone()) else { return Ok(()) };
        self.screen.title(&format!("3. {stopped} stops, with everything in its memory."));
        self.screen.columns();
        for client in clients.iter_mut() {
            self.soap(client, Operation::Enumerate, Expect::Home).await?;
        }
        self.farm.stop(&stopped).await;
        let astray = self.tally.astray;
        let (mut moving, mut staying): (Vec<_>, Vec<_>) =
            clients.iter_mut().partition(|client| client.node.as_ref() == Some(&stopped));
        self.screen.line(&format!(
            "  {stopped} has stopped. The edge holds its clients for a moment, in case it comes back, and then moves them."
        ));
        for (at, client) in moving.iter_mut().enumerate() {
            // The first one to ask finds it out on one port, the next one on the other.
            if at == 0 {
                self.soap(client, Operation::Pull, Expect::Orphaned).await?;
                self.soap(client, Operation::Enumerate, Expect::Moved).await?;
                self.soap(client, Operation::Pull, Expect::Home).await?;
                self.soap(client, Operation::Issue, Expect::Home).await?;
            } else {
                self.soap(client, Operation::Issue, Expect::Moved).await?;
                self.soap(client, Operation::Enumerate, Expect::Home).await?;
            }
            self.soap(client, Operation::Get, Expect::Home).await?;
        }
        for client in &mut staying {
            self.soap(client, Operation::Pull, Expect::Home).await?;
        }
        let who = |clients: &[&mut SoapClient]| {
            clients.iter().map(|client| client.ip.to_string()).collect::<Vec<_>>().join(", ")
        };
        let to = moving.first().and_then(|client| client.node.clone()).unwrap_or_default();
        if self.tally.astray == astray {
            let moved = who(&moving);
            self.screen.line(&format!("  Moved from {stopped} to {to}, both ports together: {moved}."));
            if !staying.is_empty() {
                self.screen.line(&format!("  Noticed nothing: {}.", who(&staying)));
            }
        }

        self.screen.title(&format!("4. {stopped} starts again."));
        self.farm.start_again(&stopped).await?;
        self.recovery(&stopped).await?;
        self.screen.columns();
        for client in moving.iter_mut().chain(&mut staying) {
            self.soap(client, Operation::Pull, Expect::Home).await?;
        }
        let mut newcomer = SoapClient::new(104);
        for operation in [Operation::Enumerate, Operation::Pull, Operation::Issue, Operation::Get] {
            self.soap(&mut newcomer, operation, Expect::Home).await?;
        }
        if self.tally.astray == astray {
            let node = newcomer.node.as_deref().unwrap_or("-");
            self.screen.line(&format!(
                "  Nobody moved a second time; the new client {} went to {node}.",
                newcomer.ip
            ));
        }
        for client in moving.iter_mut().chain(&mut staying).map(|client| &mut **client).chain([&mut newcomer])
        {
            self.soap(client, Operation::Release, Expect::Home).await?;
        }
        Ok(())
    }

    /// Waits until the edge has noticed that the node is back, in both of its pools.
    async fn recovery(&mut self, node: &str) -> Result<(), DemoError> {
        let deadline = Instant::now() + RECOVERY;
        let mut left = 2;
        while left > 0 {
            match timeout_at(deadline, self.edge.next()).await {
                Ok(Said::Warning(text)) => {
                    left -= u32::from(text.contains(&format!("/{node} is up")));
                    self.screen.warning(&text);
                }
                Ok(Said::Request(_)) => {}
                Ok(Said::Ended) => return Err(self.ended()),
                // The next requests show what it thinks.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn soap(
        &mut self,
        client: &mut SoapClient,
        operation: Operation,
        expect: Expect,
    ) -> Result<(), DemoError> {
        let site = if operation == Operation::Issue { &self.sites.sts } else { &self.sites.service };
        let call = Call {
            from: client.ip,
            to: site.address,
            host: &site.host,
            method: "POST",
            path: operation.path(),
            fields: "Content-Type: application/soap+xml; charset=utf-8\r\n".to_owned(),
            body: operation.message(client, &site.host),
        };
        let Some((got, entry)) = self.exchange(&call, operation.name()).await? else { return Ok(()) };
        let node = got.node().map(str::to_owned);
        let same = client.node.is_none() || client.node == node;
        // The edge's word about who answered must be the node's own.
        let named = node.is_some() && node == entry.node;
        let mood = match (expect, got.head.status) {
            (Expect::Home, 200) if same && named => Mood::Good,
            (Expect::Moved, 200) if named => Mood::Good,
            (Expect::Orphaned, 500) if named && !same => Mood::Expected,
            _ => Mood::Bad,
        };
        let mut answer = answer(operation, client, &got);
        if mood == Mood::Expected {
            answer = format!(
                "{} fault: its context died with {}",
                got.head.status,
                client.node.as_deref().unwrap_or("-")
            );
        } else if mood == Mood::Bad && got.head.status == 200 {
            answer.push_str(", from another node than before");
        }
        self.count(mood);
        client.node = node.or_else(|| client.node.take());
        self.screen.request(&entry, operation.name(), &answer, mood).await;
        Ok(())
    }

    async fn browse(&mut self, browser: &mut Browser, site: &Site, path: &str) -> Result<(), DemoError> {
        let path = format!("{}{path}", site.path);
        let call = Call {
            from: browser.ip,
            to: site.address,
            host: &site.host,
            method: "GET",
            path: &path,
            fields: format!("Accept: text/html\r\n{}", browser.cookies(&site.host)),
            body: String::new(),
        };
        let name =
            site.host.split(['.', ':']).next().filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
        let label = name.unwrap_or("portal");
        let Some((got, entry)) = self.exchange(&call, label).await? else { return Ok(()) };
        browser.keep(&site.host, &got.head);
        let node = got.node().map(str::to_owned);
        let known = browser.node(&site.host).map(str::to_owned);
        let named = node.is_some() && node == entry.node;
        let expected = if known.is_some() { "known" } else { "new" };
        let good = got.head.status == 200
            && named
            && (known.is_none() || known == node)
            && got.head.says("x-session", expected);
        let answer = match got.head.field("x-session") {
            Some("known") => "200 its session",
            Some("new") => "200 a new session",
            Some(_) => "200 its session is lost",
            None => "no page",
        };
        if known.is_none()
            && let Some(node) = node
        {
            browser.nodes.push((site.host.clone(), node));
        }
        let mood = if good { Mood::Good } else { Mood::Bad };
        self.count(mood);
        self.screen.request(&entry, label, answer, mood).await;
        Ok(())
    }

    fn count(&mut self, mood: Mood) {
        self.tally.requests += 1;
        match mood {
            Mood::Good => {}
            Mood::Expected => self.tally.orphaned += 1,
            Mood::Bad => self.tally.astray += 1,
        }
    }

    /// Sends a call and finds its line in the access log. None if there was no answer, which is counted and
    /// told here.
    async fn exchange(
        &mut self,
        call: &Call<'_>,
        label: &str,
    ) -> Result<Option<(Got, Box<Entry>)>, DemoError> {
        let problem = match call.send().await {
            Ok(got) => match timeout(LOG_PATIENCE, self.entry(call)).await {
                Ok(Ok(entry)) => return Ok(Some((got, entry))),
                Ok(Err(error)) => return Err(error),
                Err(_) => "is not in the access log, expected log.access.to: stdout, format: json".to_owned(),
            },
            Err(error) => format!("got no answer: {error}"),
        };
        self.count(Mood::Bad);
        self.screen.verdict(false, &format!("{} {label} {problem}", call.from));
        Ok(None)
    }

    async fn entry(&mut self, call: &Call<'_>) -> Result<Box<Entry>, DemoError> {
        loop {
            match self.edge.next().await {
                Said::Request(entry)
                    if entry.client == IpAddr::V4(call.from)
                        && entry.method == call.method
                        && entry.path == call.path =>
                {
                    return Ok(entry);
                }
                Said::Request(_) => {}
                Said::Warning(text) => self.screen.warning(&text),
                Said::Ended => return Err(self.ended()),
            }
        }
    }

    fn ended(&self) -> DemoError {
        DemoError::Edge { what: "has ended", said: self.edge.said() }
    }
}

/// What a client makes of an answer, in a few words; contexts and tokens are remembered.
fn answer(operation: Operation, client: &mut SoapClient, got: &Got) -> String {
    let status = got.head.status;
    let text = |name: &str| xml::text(&got.body, name).unwrap_or_default();
    let short = |id: &str| id.get(..8).unwrap_or(id).to_owned();
    if status != 200 {
        let reason = xml::text(&got.body, "Text").or_else(|| got.body.lines().next()).unwrap_or_default();
        return format!("{status} {reason}");
    }
    match operation {
        Operation::Enumerate => {
            client.context = text("Context").to_owned();
            format!("200 context {}…, {OBJECTS} objects", short(&client.context))
        }
        Operation::Pull => {
            let last = if text("EndOfSequence") == "true" { ", the last" } else { "" };
            format!("200 {} objects{last}", got.body.matches("<string>").count())
        }
        Operation::Release => "200 context released".to_owned(),
        Operation::Issue => {
            client.token = text("Token").to_owned();
            format!("200 token {}…", short(&client.token))
        }
        Operation::Get => format!("200 {}", text("ObjectId")),
    }
}
