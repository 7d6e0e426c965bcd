//! A real browser: headless Chromium, one process for each test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::extensions::query::ElementQueryOptions;
use thirtyfour::prelude::*;
use thirtyfour::{CapabilitiesHelper, ChromiumLikeCapabilities, RequestData, SessionId};
use tokio::sync::{Semaphore, SemaphorePermit};

/// axe-core 4.14 (MPL 2.0).
const AXE: &str = include_str!("../../assets/axe.min.js");

/// The longest time that a page may take to show something.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The permits for browsers. At most three run at a time, since a browser needs about one core.
static PERMITS: Semaphore = Semaphore::const_new(3);

pub(crate) struct Browser {
    chromedriver: Child,
    address: String,
    _permit: SemaphorePermit<'static>,
}

/// A window with its own cookies and storage.
pub(crate) struct Window {
    pub(crate) driver: WebDriver,
    /// The only host that the window may speak to.
    address: String,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let permit = PERMITS.acquire().await.unwrap();
        let mut command = Command::new("chromedriver");
        let mut chromedriver = command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let line = lines
            .find(|line| line.contains("started successfully on port"))
            .expect("chromedriver did not start");
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap();
        // Output that nobody reads would block chromedriver.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            chromedriver,
            address: format!("http://127.0.0.1:{port}"),
            _permit: permit,
        }
    }

    /// Opens a new window and joins the chat of the demo under this name.
    pub(crate) async fn join_chat(&self, server: &str, name: &str) -> Window {
        let page = reqwest::Url::parse_with_params("http://server/demo", [("name", name)]).unwrap();
        let path = format!("/demo?{}", page.query().unwrap());
        let window = self.open(server, &path).await;
        window.wait_for_text("#connection", "Connected by").await;
        window
    }

    /// Opens a new window on a page of this server.
    pub(crate) async fn open(&self, server: &str, path: &str) -> Window {
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-background-timer-throttling",
            "--disable-renderer-backgrounding",
            "--window-size=1200,800",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        let logs = json!({"browser": "ALL", "performance": "ALL"});
        capabilities.set("goog:loggingPrefs", logs).unwrap();
        let driver = WebDriver::new(&self.address, capabilities).await.unwrap();
        let window = Window {
            driver,
            address: server.to_owned(),
        };
        window.goto(path).await;
        window
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

impl Window {
    pub(crate) async fn goto(&self, path: &str) {
        self.driver
            .goto(format!("http://{}{path}", self.address))
            .await
            .unwrap();
    }

    /// Signs in to the admin pages, on the sign-in form.
    pub(crate) async fn sign_in(&self, password: &str) {
        self.wait_for_page("/admin/sign_in").await;
        self.fill("input[name=username]", "admin").await;
        self.fill("input[name=password]", password).await;
        self.click("form button").await;
    }

    /// Waits until the window shows the page at this path.
    pub(crate) async fn wait_for_page(&self, path: &str) {
        super::eventually(&format!("the window shows {path}"), async || {
            self.driver
                .current_url()
                .await
                .is_ok_and(|url| url.path() == path)
        })
        .await;
    }

    /// Returns the element, once it exists and is visible.
    pub(crate) async fn find(&self, css: &str) -> WebElement {
        let options = ElementQueryOptions::default().set_description(Some(css));
        let query = self
            .driver
            .query(By::Css(css))
            .options(options)
            .wait(TIMEOUT, Duration::from_millis(20))
            .and_displayed();
        query
            .first()
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub(crate) async fn click(&self, css: &str) {
        while !Self::try_click(self.find(css).await).await {}
    }

    /// Clicks the element that this XPath finds. Unlike CSS, XPath can select elements by their
    /// text.
    pub(crate) async fn click_at(&self, path: &str) {
        let find = async || {
            let query = self
                .driver
                .query(By::XPath(path))
                .wait(TIMEOUT, Duration::from_millis(20))
                .and_displayed();
            query
                .first()
                .await
                .unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        while !Self::try_click(find().await).await {}
    }

    /// Returns whether the element still existed when it was clicked. A page that draws a list anew
    /// replaces it with another one.
    async fn try_click(element: WebElement) -> bool {
        match element.click().await {
            Ok(()) => true,
            Err(error)
                if matches!(
                    error.as_inner(),
                    WebDriverErrorInner::StaleElementReference(_)
                ) =>
            {
                false
            }
            Err(error) => panic!("{element}: {error}"),
        }
    }

    /// Types a text in place of the present one.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Chooses an option by its text.
    pub(crate) async fn choose_text(&self, css: &str, text: &str) {
        let select = thirtyfour::components::SelectElement::new(&self.find(css).await)
            .await
            .unwrap();
        select.select_by_exact_text(text).await.unwrap();
    }

    /// Chooses an option by its value.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value='{value}']")).await;
    }

    /// Runs a script in the page. Returns its result, once the promise is resolved.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {script} }})().then(
                 (value) => done([true, value]),
                 (error) => done([false, String(error.stack ?? error)]),
             );"
        );
        let answer = self.driver.execute_async(script, Vec::new()).await.unwrap();
        let answer = answer.json();
        assert_eq!(answer[0], true, "{answer}");
        answer[1].clone()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!(
            "return document.querySelector({})?.textContent ?? ''",
            json!(css)
        );
        self.driver
            .execute(script, Vec::new())
            .await
            .unwrap()
            .json()
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until the element contains the text.
    pub(crate) async fn wait_for_text(&self, css: &str, part: &str) {
        super::eventually(&format!("{css} says {part:?}"), async || {
            self.text(css).await.contains(part)
        })
        .await;
    }

    /// Waits until the element no longer contains the text.
    pub(crate) async fn wait_until_text_is_gone(&self, css: &str, part: &str) {
        super::eventually(&format!("{css} stops saying {part:?}"), async || {
            !self.text(css).await.contains(part)
        })
        .await;
    }

    /// Presses keys one after the other, in the element that has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        self.driver
            .active_element()
            .await
            .unwrap()
            .send_keys(keys)
            .await
            .unwrap();
    }

    /// Presses Tab until the element with this text has the focus.
    pub(crate) async fn tab_to(&self, text: &str) {
        super::eventually(&format!("Tab leads to {text:?}"), async || {
            self.press("\t").await;
            let focused = self
                .driver
                .execute("return document.activeElement.textContent", Vec::new())
                .await
                .unwrap();
            focused.json() == text
        })
        .await;
    }

    /// Makes the window small, with touch input and dark pages.
    pub(crate) async fn emulate_dark_phone(&self) {
        self.emulate_screen(390, "dark").await;
    }

    /// Gives the window this width, of a phone or of a desk, and this colour scheme.
    async fn emulate_screen(&self, width: u32, scheme: &str) {
        let is_phone = width < 500;
        let size = json!({
            "width": width,
            "height": if is_phone { 844 } else { 800 },
            "deviceScaleFactor": if is_phone { 2 } else { 1 },
            "mobile": is_phone,
        });
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        for command in [
            Cdp("Emulation.setDeviceMetricsOverride", size),
            Cdp("Emulation.setEmulatedMedia", scheme),
        ] {
            self.driver.handle().cmd(command).await.unwrap();
        }
    }

    /// Checks the page on a desk and on a phone, in light and dark, and saves a screenshot of each.
    pub(crate) async fn assert_sound_on_all_screens(&self, name: &str) {
        for (width, kind) in [(1280, "desk"), (390, "phone")] {
            for scheme in ["light", "dark"] {
                self.emulate_screen(width, scheme).await;
                self.assert_fits().await;
                self.assert_sound().await;
                self.screenshot(&format!("{name}-{kind}-{scheme}")).await;
            }
        }
    }

    /// Moves the pointer over the element that this XPath finds.
    pub(crate) async fn point_at(&self, path: &str) {
        let element = self.driver.query(By::XPath(path)).first().await.unwrap();
        let chain = self.driver.action_chain();
        let moved = chain.move_to_element_center(&element);
        moved.perform().await.unwrap();
    }

    /// Checks that the page is not wider than the screen.
    pub(crate) async fn assert_fits(&self) {
        let overflow = self
            .run("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(
            overflow.as_i64().unwrap() <= 0,
            "the page is {overflow} px wider than the screen"
        );
    }

    /// Saves a screenshot, for people to look at.
    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        self.driver
            .screenshot(&folder.join(format!("{name}.png")))
            .await
            .unwrap();
    }

    /// Returns the errors and warnings of the console since the last call.
    pub(crate) async fn console_problems(&self) -> Vec<String> {
        let log = self.log("browser").await;
        let grave = log
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        grave.map(|entry| entry["message"].to_string()).collect()
    }

    /// Returns the requests to other hosts than the server since the last call.
    pub(crate) async fn foreign_requests(&self) -> Vec<String> {
        let own = format!("//{}/", self.address);
        let messages = self.log("performance").await;
        let messages = messages
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let events = messages.map(|message| message["message"].clone());
        let urls = events.filter_map(|event| {
            let url = match event["method"].as_str()? {
                "Network.requestWillBeSent" => &event["params"]["request"]["url"],
                "Network.webSocketCreated" => &event["params"]["url"],
                _ => return None,
            };
            url.as_str().map(str::to_owned)
        });
        urls.filter(|url| !url.contains(&own) && !url.starts_with("data:"))
            .collect()
    }

    async fn log(&self, kind: &'static str) -> Vec<Value> {
        let answer = self.driver.handle().cmd(Log(kind)).await.unwrap();
        answer.value::<Vec<Value>>().unwrap()
    }

    /// Returns what axe-core finds against WCAG, levels A and AA, in the page as it is shown now.
    async fn violations(&self) -> Vec<String> {
        let found = self
            .run(&format!(
                "if (!window.axe) {{ {AXE} }}
                 const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
                 const {{ violations }} = await axe.run(document, {{ runOnly: tags }});
                 return violations.map(({{ id, help, nodes }}) => {{
                     const places = nodes.map((node) => node.html).join(' ');
                     return `${{id}}: ${{help}}: ${{places}}`;
                 }});"
            ))
            .await;
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found.as_str().unwrap().to_owned())
            .collect()
    }

    /// Checks that the page has made no error, has asked no other host, and is accessible.
    pub(crate) async fn assert_sound(&self) {
        assert_eq!(self.violations().await, Vec::<String>::new());
        assert_eq!(self.console_problems().await, Vec::<String>::new());
        assert_eq!(self.foreign_requests().await, Vec::<String>::new());
    }

    pub(crate) async fn close(self) {
        self.driver.quit().await.unwrap();
    }
}

/// A command of chromedriver: returns the log of a kind.
#[derive(Debug)]
struct Log(&'static str);

impl FormatRequestData for Log {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new(reqwest::Method::POST, format!("session/{session}/se/log"))
            .add_body(json!({"type": self.0}))
    }
}

/// A command of chromedriver: runs a command of the DevTools protocol with these parameters.
#[derive(Debug)]
struct Cdp(&'static str, Value);

impl FormatRequestData for Cdp {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let body = json!({"cmd": self.0, "params": self.1});
        RequestData::new(
            reqwest::Method::POST,
            format!("session/{session}/goog/cdp/execute"),
        )
        .add_body(body)
    }
}
