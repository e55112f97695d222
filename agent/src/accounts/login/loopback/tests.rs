use super::*;

async fn bind(uris: &[String]) -> Result<Server, LoginError> {
    Server::on_first_free(uris, None, &mpsc::channel(1).0).await
}

/// One that is not listened on would wait for an answer that cannot come.
#[tokio::test]
async fn a_redirect_uri_that_leads_elsewhere_is_refused_before_any_is_bound() {
    let uris = ["http://127.0.0.1:1/x", "http://127.0.0.2:1/x"].map(str::to_owned);
    let refused = bind(&uris).await;
    assert!(matches!(refused, Err(LoginError::NotLoopback(uri)) if uri == uris[1]));
}

#[tokio::test]
async fn a_busy_port_is_passed_over() {
    let [taken, free] = [(); 2].map(|()| async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, format!("http://localhost:{port}/login-callback"))
    });
    let ((_taken, busy), (free, other)) = tokio::join!(taken, free);
    drop(free);
    let uris = [busy, other];
    let bound = bind(&uris).await.unwrap();
    assert_eq!(bound.redirect_uri, uris[1]);
    let busy = bind(&uris[..1]).await;
    assert!(matches!(busy, Err(LoginError::AllBusy(_))));
}
