"""The pure matching core that paper, backtest and the loopback venue share."""
