//! The last page that a login in the browser shows.

use super::loopback::{Page, Server, Visit};
use super::pages;

/// The browser window at the end of the login, still waiting for its page.
pub struct Browser {
    visit: Visit,
    server: Server,
}

impl Browser {
    pub fn new(visit: Visit, server: Server) -> Self {
        Self { visit, server }
    }

    /// Shows the last page. The future ends when it has left; it need not be awaited where the
    /// runtime lives on.
    pub fn say_logged_in(self, who: &str) -> impl Future<Output = ()> + use<> {
        self.say(Page::html(pages::logged_in(who)))
    }

    pub fn say_failed(self, message: &str, hint: Option<&str>) -> impl Future<Output = ()> + use<> {
        self.say(Page::failure(pages::failed(message, hint)))
    }

    fn say(self, page: Page) -> impl Future<Output = ()> + use<> {
        self.visit.answer(page);
        self.server.finish()
    }
}
