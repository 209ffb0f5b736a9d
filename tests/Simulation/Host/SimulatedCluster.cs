using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Wire;

namespace Vae.Tests.Simulation.Host;

/// <summary>
/// A whole cluster in one thread, on virtual time, under one seed: the shipped actors, the shipped codec between nodes, and whatever faults
/// the plan holds. The same seed gives the same history, byte for byte.
/// </summary>
public sealed partial class SimulatedCluster
{
    /// <summary>A run that has more events than this spins.</summary>
    public const long EventsMax = 50_000_000;

    private readonly List<SimulatedNode> _nodes = [];
    private readonly Dictionary<NodeId, SimulatedNode> _byId = [];
    private readonly Dictionary<NodeId, Leadership> _leaderships = [];
    private readonly Dictionary<NodeId, NodeDisk> _disks = [];
    private readonly Dictionary<NodeId, int> _incarnations = [];
    private readonly HashSet<NodeId> _shared = []; // Names that several processes have.
    private readonly List<SimulatedLink> _links = [];
    private readonly List<IChecker> _checkers = [];
    private readonly WireBuffer _frame = new();
    private readonly WireBuffer _content = new();
    private readonly Catalog _catalog;
    private readonly Prng _networkPrng;
    private readonly Prng _storePrng;
    private readonly Prng _echoPrng;
    private NetworkFaults _network;
    private bool _faultsEnded;

    /// <param name="seed">Decides every chance of the run.</param>
    /// <param name="plan">What may go wrong; null for nothing.</param>
    /// <param name="catalog">What may cross the wire; null for the product's own table. Tests with messages of their own bring more rows.</param>
    public SimulatedCluster(ulong seed, FaultPlan? plan = null, Catalog? catalog = null)
    {
        Plan = plan ?? FaultPlan.None;
        Prng = new(seed);
        _catalog = catalog ?? MessageCatalog.Default;
        _networkPrng = Prng.Fork(1);
        _storePrng = Prng.Fork(2);
        JobPrng = Prng.Fork(3);
        _echoPrng = Prng.Fork(4);
        Store = new(_catalog);
        _network = Plan.Network;
        foreach (var (at, fault) in Plan.Schedule) InjectAt(at, fault);
        if (Plan.FaultsUntil is { } end) Timeline.At(end, EndFaults);
    }

    /// <summary>What may go wrong.</summary>
    public FaultPlan Plan { get; }

    /// <summary>For the scenario's own draws.</summary>
    public Prng Prng { get; }

    /// <summary>Simulated time since the run began.</summary>
    public TimeSpan Now => Timeline.Now;

    /// <summary>What happened so far.</summary>
    public History History { get; } = new();

    /// <summary>What survives crashes.</summary>
    public SimulatedStore Store { get; }

    /// <summary>All nodes, in the order of their adding.</summary>
    public IReadOnlyList<SimulatedNode> Nodes => _nodes;

    /// <summary>True once nothing goes wrong any more.</summary>
    public bool FaultsEnded => _faultsEnded;

    /// <summary>The mail that the last event delivered, for checkers; null when it delivered none.</summary>
    public (ActorId Sender, ActorId Target, Message Message)? LastReceived { get; private set; }

    /// <summary>Times that a process began to lead while another of its name believed that it does.</summary>
    public int TimesTwoLed { get; internal set; }

    /// <summary>Letters that wait for the actor that received the last one.</summary>
    public int LettersWaiting { get; private set; }

    internal Timeline Timeline { get; } = new();

    internal Prng JobPrng { get; }

    /// <summary>Adds a process; it boots when the run goes on.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="boot">Starts its root actors, at the first boot and at every restart.</param>
    /// <param name="options">What is particular about it; null for nothing.</param>
    public SimulatedNode AddNode(NodeId id, Action<NodeBoot> boot, NodeOptions? options = null)
    {
        options ??= new();
        var node = new SimulatedNode(this, id, options, (ulong)_nodes.Count, boot);
        var dials = options.Dials?.Select(Node).ToArray() ?? [.. _nodes.Where(n => n.Role == NodeId.Coordinator && node.Role != NodeId.Coordinator)];
        foreach (var peer in dials)
        {
            var link = new SimulatedLink(this, node, peer);
            _links.Add(link);
            node.Links.Add(link);
            peer.Links.Add(link);
        }

        if (_nodes.Exists(n => n.Role == node.Role)) _shared.Add(node.Role);
        _nodes.Add(node);
        _byId.Add(id, node);
        if (!options.OnlyByFault) Timeline.At(options.StartsAt, node.Boot);
        return node;
    }

    /// <summary>The node of that name.</summary>
    public SimulatedNode Node(NodeId id) => _byId.GetValueOrDefault(id) ?? throw new ArgumentException($"There is no node {id}.");

    /// <summary>The process that others mean by a name now: of several that are alive the one booted last. Null when none is.</summary>
    public SimulatedNode? Holder(NodeId role)
    {
        if (_byId.TryGetValue(role, out var only) && !_shared.Contains(role)) return only.Listens ? only : null;
        SimulatedNode? holder = null;
        foreach (var node in _nodes)
        {
            if (node.Role == role && node.Listens && node.Incarnation > (holder?.Incarnation ?? 0)) holder = node;
        }

        return holder;
    }

    /// <summary>The actor behind an id, to look at; null when it is not there now.</summary>
    public T? Actor<T>(ActorId id) where T : class, IActor => Holder(id.Node)?.Actor(id.Name) as T;

    /// <summary>The folder of the processes of a name.</summary>
    public NodeDisk DiskOf(NodeId role) => _disks.TryGetValue(role, out var disk) ? disk : _disks[role] = new();

    /// <summary>What workers say to each other.</summary>
    public DataPlane Data { get; } = new();

    /// <summary>Told of each process that dies, after its actors are gone.</summary>
    public Action<SimulatedNode>? OnGone { get; set; }

    /// <summary>What SIGTERM does to a process; the scenario says it.</summary>
    public Action<SimulatedNode, Fault.Terminate>? OnTerminate { get; set; }

    /// <summary>The process that the last mail was delivered in.</summary>
    public SimulatedNode? LastReceiver { get; private set; }

    /// <summary>Told of each job before its port gets it.</summary>
    public Action<SimulatedNode, ActorId, Job>? OnJob { get; set; }

    /// <summary>A rule to look at after every event.</summary>
    public void Check(IChecker checker) => _checkers.Add(checker);

    /// <summary>Sends a message as the target's own host. A dead node loses it.</summary>
    public void Post(ActorId target, Message message)
    {
        if (Holder(target.Node) is { } node) node.Pass(() => node.Send(ActorId.Host(target.Node), target, message));
        else Count(FaultKind.DeadLetter, ActorId.Host(target.Node), target, $"{message} (the node is down)");
    }

    /// <summary>Does something at a moment of the run, for scenarios.</summary>
    public void At(TimeSpan moment, Action action) => Timeline.At(moment, action);

    /// <summary>From now on nothing goes wrong: partitions heal, the paused go on, the dead rise.</summary>
    public void EndFaults()
    {
        _faultsEnded = true;
        _network = NetworkFaults.None;
        History.Note(Now, "faults end", null, null);
        Data.OpenAll();
        foreach (var disk in _disks.Values) (disk.IsFull, disk.ErrorsDue) = (false, 0);
        foreach (var link in _links) link.Heal();
        foreach (var node in _nodes) node.EndFaults();
    }

    /// <summary>Lets the next thing happen. False when nothing is left to happen.</summary>
    /// <exception cref="SimulationFailedException">A rule or an invariant broke.</exception>
    public bool RunOne()
    {
        try
        {
            LastReceived = null;
            if (!Timeline.RunOne()) return false;
            foreach (var checker in _checkers) checker.AfterEvent(this);
        }
        catch (Exception exception)
        {
            throw Failed(exception.Message, exception);
        }

        if (History.Events > EventsMax) throw Failed($"More than {EventsMax} events: something spins.", null);
        return true;
    }

    /// <summary>Runs until the goal is reached.</summary>
    /// <exception cref="SimulationFailedException">It was not within <paramref name="limit"/> of simulated time, or a rule broke.</exception>
    public void RunUntil(Func<bool> goal, TimeSpan limit, string what = "the goal")
    {
        var end = Now + limit;
        while (!goal())
        {
            if (Timeline.IsEmpty) throw Failed($"Not reached: {what}. Nothing is left to happen.", null);
            if (Timeline.NextDue > end) throw Failed($"Not reached: {what}, after {limit.TotalSeconds} s.", null);
            RunOne();
        }
    }

    /// <summary>Runs for a while.</summary>
    public void RunFor(TimeSpan duration)
    {
        var end = Now + duration;
        while (Timeline.NextDue <= end) RunOne();
        Timeline.SkipTo(end);
    }

    /// <summary>The run in one line: seed, time, events, fingerprint, and one last draw of each stream, which two equal runs also share.</summary>
    public string Summary() =>
        $"seed {Prng.Seed}: {Now.TotalSeconds:F3} s simulated, {History.Events} events, {History.Delivered} messages received, "
        + $"fingerprint {History.Fingerprint:X16}, last draws {_networkPrng.Next() ^ _storePrng.Next() ^ JobPrng.Next():X16}; {History.Counters()}";

    /// <summary>A failure of this run, with all that is needed to see it again.</summary>
    public SimulationFailedException Failed(string text, Exception? cause) => new(
        $"""
        {text}
        {Summary()}
        Build: {Seeds.Build}
        Replay this seed alone: VAE_SEED={Prng.Seed} dotnet test tests/Simulation --filter NAME_OF_THE_TEST
        Plan:
        {Plan.Describe()}
        Last events:
        {History.Last()}
        """, cause);

    internal void OnReceived(SimulatedNode receiver, ActorId sender, ActorId target, Message message, int waiting)
    {
        LastReceiver = receiver;
        LastReceived = (sender, target, message);
        LettersWaiting = waiting;
        _content.Clear();
        if (_catalog.Find(message.GetType()) is { } row)
        {
            var writer = new MsgPackWriter(_content);
            row.Write(ref writer, message);
            writer.Flush();
        }

        History.Received(Now, sender, target, message, _content.Written);
    }

    internal void Count(FaultKind kind, ActorId? sender, ActorId? target, object? detail) => History.Fault(Now, kind, sender, target, detail);

    internal byte[] Encode(in Envelope envelope)
    {
        _frame.Clear();
        EnvelopeCodec.Encode(_catalog, _frame, envelope);
        return _frame.Written.ToArray();
    }

    internal Envelope Decode(byte[] frame)
    {
        Verify.That(FrameHeader.TryRead(frame, out var header) == System.Buffers.OperationStatus.Done);
        return EnvelopeCodec.Decode(_catalog, header, frame.AsSpan(FrameHeader.Size));
    }

    // All three are drawn for every message, so that one chance does not shift the others.
    internal (bool Lost, bool Twice, bool Unordered) DrawFate() => (_networkPrng.Chance(_network.Loss), _networkPrng.Chance(_network.Duplicate), _networkPrng.Chance(_network.Reorder));

    internal TimeSpan NetworkDelay() => _networkPrng.Between(_network.DelayMin, _network.DelayMax);

    internal TimeSpan LocalDelay() => _networkPrng.Between(TimeSpan.Zero, _network.LocalDelayMax);

    // A process that ends closes its connections at once; one whose machine ends does not.
    internal TimeSpan DeathDelay() => _networkPrng.Chance(0.8) ? _networkPrng.Between(_network.DelayMin, _network.DelayMax) : DetectDelay();

    internal TimeSpan StoreDelay(TimeSpan min, TimeSpan max) => _storePrng.Between(min, max);

    internal Leadership LeadershipOf(NodeId role) => _leaderships.TryGetValue(role, out var leadership) ? leadership : _leaderships[role] = new(this);

    internal int NextIncarnation(NodeId role) => _incarnations[role] = _incarnations.GetValueOrDefault(role) + 1;

    internal TimeSpan DetectDelay() => _networkPrng.Between(_network.DetectMin, _network.DetectMax);

    internal TimeSpan ConnectDelay() => _networkPrng.Between(_network.ConnectMin, _network.ConnectMax);

    internal TimeSpan CommitDelay() => _storePrng.Between(Plan.CommitMin, Plan.CommitMax);

    internal bool StoreErrorChance() => _storePrng.Chance(_faultsEnded ? 0 : Plan.StoreError);

    internal bool CrashAfterCommitChance() => _storePrng.Chance(_faultsEnded ? 0 : Plan.CrashAfterCommit);

    internal bool Coin() => _storePrng.Chance(0.5);
}
