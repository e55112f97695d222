use std::sync::Arc;

use opkssh_protocol::session_environment::SessionEnvironment;
use tokio::io::AsyncReadExt as _;

use super::super::Http;
use crate::desktop::surroundings::Surroundings;

#[tokio::test]
async fn a_client_s_proxy_is_used_where_there_is_no_own() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let surroundings = Arc::new(Surroundings::new(SessionEnvironment::default(), true));
    surroundings.tell(SessionEnvironment::pick(|name| {
        (name == "https_proxy").then(|| address.clone())
    }));
    let http = Http::new(surroundings);
    let asked = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut asked = [0; 33];
        stream.read_exact(&mut asked).await.unwrap();
        asked
    };
    let (asked, got) = tokio::join!(asked, http.get("https://id.example.com/x"));
    assert_eq!(&asked, b"CONNECT id.example.com:443 HTTP/1");
    assert!(got.is_err());
}
