using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Wire;

namespace Vae.Tests.Simulation.Host;

/// <summary>
/// The way between two nodes, with at most one connection over it. Each end has its own idea of whether the connection lives: after a crash
/// or partition an end goes on sending into the void until it notices, as TCP does. A partition that heals before anybody noticed only delays.
/// </summary>
internal sealed class SimulatedLink
{
    private readonly SimulatedCluster _cluster;
    private readonly End _dialer;
    private readonly End _acceptor;
    private long _connections;

    public SimulatedLink(SimulatedCluster cluster, SimulatedNode dialer, SimulatedNode acceptor)
    {
        _cluster = cluster;
        _dialer = new(dialer, new(cluster.Timeline));
        _acceptor = new(acceptor, new(cluster.Timeline));
    }

    private sealed class End(SimulatedNode node, Gate way)
    {
        public SimulatedNode Node => node;

        /// <summary>The way from here to the other end.</summary>
        public Gate Way => way;

        /// <summary>The connection that this end believes in; 0 for none.</summary>
        public long Connection { get; set; }

        public TimeSpan LastDue { get; set; }

        public List<(ActorId Watcher, ActorId Target)> Watches { get; } = [];
    }

    private bool IsHealthy => _dialer.Node.Listens && _acceptor.Node.Listens && !_dialer.Node.IsPaused && !_acceptor.Node.IsPaused
        && !_dialer.Way.IsClosed && !_acceptor.Way.IsClosed;

    public bool Joins(NodeId one, NodeId other) =>
        (_dialer.Node.Id == one && _acceptor.Node.Id == other) || (_dialer.Node.Id == other && _acceptor.Node.Id == one);

    /// <summary>Closes what was replaced by a connection to another process of the same name.</summary>
    public void Replace(SimulatedNode node) => Disconnect(EndOf(node), "it connected again");

    public void Send(SimulatedNode from, ActorId sender, ActorId target, Message message)
    {
        var frame = _cluster.Encode(new(sender, target.Name, message));
        var (lost, twice, unordered) = _cluster.DrawFate();
        var end = EndOf(from);
        var peer = Other(end);
        if (lost)
        {
            _cluster.Count(FaultKind.Lost, sender, target, message);
            if (_cluster.Echoes(message)) peer.Node.Keep(Echo); // As behind a router that was slow, and is believed to have lost it.
            return;
        }

        if (unordered) _cluster.Count(FaultKind.Reordered, sender, target, message);
        Transmit(end, unordered, Arrive);
        foreach (var delay in _cluster.DrawEchoes(message)) Echo(delay);
        if (_cluster.Echoes(message)) peer.Node.Keep(Echo);
        if (!twice) return;
        _cluster.Count(FaultKind.Duplicated, sender, target, message);
        Transmit(end, unordered, Arrive);

        void Arrive()
        {
            var envelope = _cluster.Decode(frame);
            peer.Node.DeliverFromPeer(envelope.Sender, envelope.Target, envelope.Body);
        }

        void Echo(TimeSpan delay)
        {
            var life = peer.Node.Life;
            _cluster.Timeline.After(delay, () =>
            {
                if (_cluster.FaultsEnded || peer.Node.Life != life) return;
                _cluster.Count(FaultKind.Echoed, sender, target, message);
                peer.Node.Pass(Arrive);
            });
        }
    }

    public void Watch(SimulatedNode from, ActorId watcher, ActorId target)
    {
        var end = EndOf(from);
        if (!end.Watches.Contains((watcher, target))) end.Watches.Add((watcher, target));
        Transmit(end, unordered: false, () => Other(end).Node.Watch(watcher, target));
    }

    public void TellTerminated(SimulatedNode from, ActorId watcher, ActorId gone, string reason)
    {
        var end = EndOf(from);
        if (end.Connection == 0) return; // The watcher's side has drawn its own conclusion, or will.
        Transmit(end, unordered: false, () =>
        {
            if (Other(end).Watches.Remove((watcher, gone))) Other(end).Node.TellTerminated(watcher, gone, reason);
        });
    }

    /// <summary>Blocks the way from one node to the other.</summary>
    public void Block(NodeId from, TimeSpan? duration)
    {
        var way = (_dialer.Node.Id == from ? _dialer : _acceptor).Way;
        way.Close();
        Weaken();
        if (duration is not { } wait) return;
        _cluster.Timeline.After(wait, () =>
        {
            way.Open();
            ConnectLater();
        });
    }

    public void Heal()
    {
        _dialer.Way.OpenWide();
        _acceptor.Way.OpenWide();
        ConnectLater();
    }

    /// <summary>A node has died: its end is gone at once, the other end has yet to notice.</summary>
    public void Vanish(SimulatedNode node)
    {
        var end = EndOf(node);
        end.Connection = 0;
        end.Watches.Clear();
        NoticeLater(Other(end), _cluster.DeathDelay());
    }

    /// <summary>Something is wrong on the way: both ends notice in their own time, unless it passes before.</summary>
    public void Weaken()
    {
        NoticeLater(_dialer, _cluster.DetectDelay());
        NoticeLater(_acceptor, _cluster.DetectDelay());
    }

    public void Cut() => Disconnect(_dialer, "the connection was cut");

    public void ConnectLater()
    {
        if (IsHealthy) _cluster.Timeline.After(_cluster.ConnectDelay(), Connect);
    }

    private void Connect()
    {
        if (!IsHealthy || _dialer.Connection != 0 || _dialer.Node.IsConnectedTo(_acceptor.Node.Role)) return; // One process of each name is enough.
        if (_acceptor.Connection != 0) Disconnect(_acceptor, "replaced by a new connection");
        _dialer.Connection = _acceptor.Connection = ++_connections;
        _dialer.LastDue = _acceptor.LastDue = TimeSpan.Zero;
        _dialer.Node.Connected(this, _acceptor.Node.Role);
        _acceptor.Node.Connected(this, _dialer.Node.Role);
    }

    private void NoticeLater(End end, TimeSpan delay)
    {
        var connection = end.Connection;
        if (connection == 0) return;
        end.Node.Later(delay, () =>
        {
            if (end.Connection == connection && (!IsHealthy || Other(end).Connection != connection)) Disconnect(end, "the peer is silent");
        });
    }

    private void Disconnect(End end, string reason)
    {
        var other = Other(end);
        var connection = end.Connection;
        if (connection == 0) return;
        end.Connection = 0;
        _cluster.Count(FaultKind.ConnectionLost, null, null, $"{end.Node.Id} to {other.Node.Id}: {reason}");
        end.Node.Disconnected(this, other.Node.Role, reason);
        foreach (var (watcher, target) in end.Watches.ToArray()) end.Node.TellTerminated(watcher, target, $"the connection to {other.Node.Id} is lost");
        end.Watches.Clear();
        if (other.Connection == connection) NoticeLater(other, IsHealthy ? _cluster.NetworkDelay() : _cluster.DetectDelay());
        _dialer.Node.ConnectLater(); // Perhaps to another process of the name.
    }

    private void Transmit(End end, bool unordered, Action arrive)
    {
        var connection = end.Connection;
        var due = _cluster.Now + _cluster.NetworkDelay();
        if (!unordered) end.LastDue = due = due > end.LastDue ? due : end.LastDue;
        var peer = Other(end);
        _cluster.Timeline.At(due, () =>
        {
            var passed = end.Way.Pass(() =>
            {
                if (peer.Connection == connection && peer.Node.IsAlive) peer.Node.Pass(arrive);
                else _cluster.Count(FaultKind.DroppedWithConnection, null, null, $"{end.Node.Id} to {peer.Node.Id}");
            });
            if (!passed) _cluster.Count(FaultKind.HeldBack, null, null, $"{end.Node.Id} to {peer.Node.Id}");
        });
    }

    private End EndOf(SimulatedNode node) => ReferenceEquals(node, _dialer.Node) ? _dialer : _acceptor;

    private End Other(End end) => ReferenceEquals(end, _dialer) ? _acceptor : _dialer;
}
