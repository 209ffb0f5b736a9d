using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>Where one parameter [K, ...] lies in the flat buffers.</summary>
/// <param name="Name">As in <see cref="Module.named_parameters"/>.</param>
/// <param name="Offset">First element.</param>
/// <param name="ReplicaLength">Elements of one replica; the parameter has K times as many.</param>
/// <param name="Shape">With the leading K.</param>
public sealed record FlatSegment(string Name, long Offset, long ReplicaLength, IReadOnlyList<long> Shape);

/// <summary>
/// All parameters of a module in one contiguous float32 buffer and all gradients in another, the parameters and their <c>grad</c>
/// being views; behind the parameters lies what the module has registered as state, which has no gradient. So zeroing is one fill, an optimizer step one pass, and an all-reduce works on one span without copying. The gradient
/// buffer ends with room for statistics (loss sums), which then travel in the same all-reduce.
/// </summary>
public sealed unsafe class FlatParameters : IDisposable
{
    private readonly Tensor[] _parameters;
    private readonly Tensor[] _states;
    private readonly long[] _offsets;
    private readonly long[] _lengths;
    private readonly float* _values;
    private readonly float* _gradients;

    /// <summary>Packs a module; its parameters keep their identity and values, and their device stays as it is.</summary>
    /// <param name="module">Float32 parameters with the same K, all on one device.</param>
    /// <param name="statistics">Extra floats at the end of the gradient buffer.</param>
    /// <exception cref="ArgumentException">No parameters, another type, or differing K or devices; the message names the parameter.</exception>
    public FlatParameters(Module module, int statistics = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(statistics);
        var named = module.named_parameters().ToList();
        if (named.Count == 0) throw new ArgumentException("The module has no parameters.", nameof(module));
        Device = named[0].parameter.device;
        Replicas = checked((int)named[0].parameter.size(0));
        _parameters = [.. named.Select(static p => p.parameter)];
        var segments = new List<FlatSegment>(named.Count);
        foreach (var (name, parameter) in named)
        {
            Check(name, parameter);
            segments.Add(new(name, Count, parameter.numel() / Replicas, parameter.shape));
            Count += parameter.numel();
        }

        Segments = segments;
        var states = module.named_states().ToList();
        _states = [.. states.Select(static s => s.state)];
        var stateSegments = new List<FlatSegment>(states.Count);
        foreach (var (name, state) in states)
        {
            Check(name, state);
            stateSegments.Add(new(name, Count + StateCount, state.numel() / Replicas, state.shape));
            StateCount += state.numel();
        }

        StateSegments = stateSegments;
        _offsets = [.. segments.Select(static s => s.Offset)];
        _lengths = [.. segments.Select(static s => s.ReplicaLength)];
        StatisticsCount = statistics;
        using var scope = torch.NewDisposeScope();
        Parameters = NewBuffer(Count + StateCount, Device);
        Gradients = NewBuffer(Count + statistics, Device);
        Statistics = Gradients.narrow(0, Count, statistics).DetachFromDisposeScope();
        if (Device.type == DeviceType.CPU)
        {
            _values = Pointer(Parameters);
            _gradients = Pointer(Gradients);
        }

        Attach();
    }

    /// <summary>All parameters, then all state, [Count + StateCount].</summary>
    public Tensor Parameters { get; }

    /// <summary>All gradients, then the statistics, [Count + StatisticsCount].</summary>
    public Tensor Gradients { get; }

    /// <summary>The end of <see cref="Gradients"/>, [StatisticsCount].</summary>
    public Tensor Statistics { get; }

    /// <summary>Elements of all parameters.</summary>
    public long Count { get; }

    /// <summary>Elements of all state.</summary>
    public long StateCount { get; }

    /// <summary>Extra floats at the end of the gradient buffer.</summary>
    public int StatisticsCount { get; }

    /// <summary>K.</summary>
    public int Replicas { get; }

    /// <summary>Where the buffers lie.</summary>
    public torch.Device Device { get; }

    /// <summary>The table of parameters in the order of registration, without gaps.</summary>
    public IReadOnlyList<FlatSegment> Segments { get; }

    /// <summary>The table of state, which begins at <see cref="Count"/>: see <see cref="Module.named_states"/>.</summary>
    public IReadOnlyList<FlatSegment> StateSegments { get; }

    /// <summary>Memory of the parameters on the host, without the state.</summary>
    /// <exception cref="InvalidOperationException">The buffers lie on another device.</exception>
    public Span<float> ParameterSpan => new(OnHost(_values), checked((int)Count));

    /// <summary>Memory of <see cref="Gradients"/> with the statistics, on the host.</summary>
    /// <exception cref="InvalidOperationException">The buffers lie on another device.</exception>
    public Span<float> GradientSpan => new(OnHost(_gradients), checked((int)(Count + StatisticsCount)));

    /// <summary>Memory of <see cref="Statistics"/> on the host.</summary>
    /// <exception cref="InvalidOperationException">The buffers lie on another device.</exception>
    public Span<float> StatisticsSpan => new(OnHost(_gradients) + Count, StatisticsCount);

    /// <summary>The module's parameters, by segment.</summary>
    public ReadOnlySpan<Tensor> Leaves => _parameters;

    /// <summary>The module's state, by segment.</summary>
    public ReadOnlySpan<Tensor> States => _states;

    internal ReadOnlySpan<long> Offsets => _offsets;

    internal ReadOnlySpan<long> Lengths => _lengths;

    /// <summary>Sets gradients and statistics to 0 in one fill.</summary>
    public void zero_grad() => Gradients.zero_();

    /// <summary>One parameter's part of a buffer laid out like <see cref="Parameters"/>, in the parameter's shape; the current scope owns it.</summary>
    public Tensor View(Tensor buffer, int segment)
    {
        var s = Segments[segment];
        using var part = buffer.narrow(0, s.Offset, s.ReplicaLength * Replicas);
        return part.view(_parameters[segment].shape);
    }

    /// <summary>Frees the buffers. The parameters keep the memory they share with them alive until the module is disposed.</summary>
    public void Dispose()
    {
        Parameters.Dispose();
        Gradients.Dispose();
        Statistics.Dispose();
    }

    /// <summary>A vector of zeros that steps walk through, owned by the caller.</summary>
    internal static Tensor NewBuffer(long count, torch.Device device) =>
        (device.type == DeviceType.CPU ? Tensor.Wrap(NativeTensor.vae_zeros_huge(count)) : torch.zeros([count], device: device)).DetachFromDisposeScope();

    private void Attach()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        for (var i = 0; i < _parameters.Length; i++)
        {
            var values = View(Parameters, i);
            values.copy_(_parameters[i].detach());
            _parameters[i].set_data(values);
            _parameters[i].grad = View(Gradients, i);
        }

        for (var i = 0; i < _states.Length; i++)
        {
            var segment = StateSegments[i];
            var values = Parameters.narrow(0, segment.Offset, segment.ReplicaLength * Replicas).view(_states[i].shape);
            values.copy_(_states[i]);
            _states[i].set_data(values);
        }
    }

    private void Check(string name, Tensor parameter)
    {
        if (parameter.dtype != ScalarType.Float32) throw new ArgumentException($"Parameter '{name}' is {parameter.dtype}; only Float32 is packed.");
        if (parameter.size(0) != Replicas) throw new ArgumentException($"Parameter '{name}' has {parameter.size(0)} replicas, the first one has {Replicas}.");
        if (parameter.device != Device) throw new ArgumentException($"Parameter '{name}' lies on {parameter.device}, the first one on {Device}.");
    }

    private float* OnHost(float* pointer) => pointer != null ? pointer : throw new InvalidOperationException($"The buffers lie on {Device}; copy them to the host first.");

    private static float* Pointer(Tensor tensor)
    {
        void* pointer;
        Status.Check(NativeTensor.vae_data_ptr(tensor.Handle, &pointer));
        return (float*)pointer;
    }
}
