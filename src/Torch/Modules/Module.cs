namespace Vae.Torch;

/// <summary>
/// A named tree of parameters, buffers and child modules. Every parameter has a leading replica dimension K: K trials of the same shapes
/// live in one module and are trained at once; K = 1 is the ordinary case and costs nothing. A layer's text is what PyTorch calls it, with its arguments: <c>Linear(784, 512)</c>.
/// </summary>
public abstract class Module : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _parameters = [];
    private readonly List<(string Name, Tensor Tensor)> _buffers = [];
    private readonly List<(string Name, Tensor Tensor)> _states = [];
    private readonly List<(string Name, Module Module)> _children = [];

    /// <summary>True while training; dropout-like layers look at it.</summary>
    public bool training { get; private set; } = true;

    /// <summary>Parameters of the whole tree, own ones first, then the children's, in the order of registration. Names as in PyTorch: <c>encoder.0.weight</c>.</summary>
    public IEnumerable<(string name, Tensor parameter)> named_parameters() => Walk("", static m => m._parameters);

    /// <summary>Tensors that belong to the state but are not trained.</summary>
    public IEnumerable<(string name, Tensor buffer)> named_buffers() => Walk("", static m => m._buffers);

    /// <summary>Those buffers that training itself changes, such as running averages: <see cref="FlatParameters"/> keeps them behind the parameters.</summary>
    public IEnumerable<(string name, Tensor state)> named_states() => Walk("", static m => m._states);

    /// <summary>Direct children in the order of registration.</summary>
    public IReadOnlyList<(string name, Module module)> named_children() => _children;

    /// <summary>See <see cref="named_parameters"/>.</summary>
    public IEnumerable<Tensor> parameters() => named_parameters().Select(static p => p.parameter);

    /// <summary>Parameters and buffers: what a checkpoint holds.</summary>
    public IEnumerable<(string name, Tensor tensor)> state_dict() => named_parameters().Concat(named_buffers());

    /// <summary>Copies tensors of the same names and shapes into parameters and buffers.</summary>
    /// <exception cref="ArgumentException">A name is missing, unknown, or of another shape; the message names it.</exception>
    public void load_state_dict(IReadOnlyDictionary<string, Tensor> state)
    {
        var own = state_dict().ToList();
        var known = own.Select(static entry => entry.name).ToHashSet(StringComparer.Ordinal);
        if (state.Keys.FirstOrDefault(name => !known.Contains(name)) is { } stranger) throw new ArgumentException($"The state holds '{stranger}', which the model has not.", nameof(state));
        foreach (var (name, target) in own)
        {
            if (!state.TryGetValue(name, out var source)) throw new ArgumentException($"The state lacks '{name}'.", nameof(state));
            if (!source.shape.AsSpan().SequenceEqual(target.shape))
                throw new ArgumentException($"'{name}' is [{string.Join(", ", source.shape)}] in the state and [{string.Join(", ", target.shape)}] in the model.", nameof(state));
        }

        foreach (var (name, target) in own) target.copy_(state[name]);
    }

    /// <summary>Sets the training mode of the whole tree.</summary>
    public void train(bool on = true)
    {
        training = on;
        foreach (var (_, child) in _children) child.train(on);
    }

    /// <summary>Ends the training mode of the whole tree.</summary>
    public void eval() => train(false);

    /// <summary>Moves all parameters and buffers to a device, keeping their identity. Call it before the parameters are packed flat.</summary>
    public void to(torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        foreach (var (_, tensor) in state_dict()) tensor.set_data(tensor.detach().to(device));
    }

    /// <summary>Registers a parameter, which from now on belongs to the module and requires a gradient. Returns it.</summary>
    protected Tensor register_parameter(string name, Tensor parameter)
    {
        parameter.DetachFromDisposeScope().requires_grad = true;
        _parameters.Add((name, parameter));
        return parameter;
    }

    /// <summary>Registers a tensor that is saved but not trained; it now belongs to the module. Returns it.</summary>
    protected Tensor register_buffer(string name, Tensor buffer)
    {
        _buffers.Add((name, buffer.DetachFromDisposeScope()));
        return buffer;
    }

    /// <summary>Registers a buffer that training changes without a gradient: Float32, with the leading K of the parameters. It now belongs to the module. Returns it.</summary>
    protected Tensor register_state(string name, Tensor state)
    {
        _states.Add((name, register_buffer(name, state)));
        return state;
    }

    /// <summary>Registers a child, which now belongs to the module. Returns it.</summary>
    protected T register_module<T>(string name, T module) where T : Module
    {
        _children.Add((name, module));
        return module;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees parameters, buffers and children.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach (var (_, tensor) in _parameters) tensor.Dispose();
        foreach (var (_, tensor) in _buffers) tensor.Dispose();
        foreach (var (_, child) in _children) child.Dispose();
    }

    private IEnumerable<(string, Tensor)> Walk(string prefix, Func<Module, List<(string Name, Tensor Tensor)>> part)
    {
        foreach (var (name, tensor) in part(this)) yield return (prefix + name, tensor);
        foreach (var (name, child) in _children)
            foreach (var entry in child.Walk(prefix + name + ".", part))
                yield return entry;
    }
}

/// <summary>A module that maps one value to another.</summary>
public abstract class Module<TInput, TOutput> : Module
{
    /// <summary>Computes the output.</summary>
    public abstract TOutput forward(TInput input);

    /// <summary>Computes the output.</summary>
    public TOutput call(TInput input) => forward(input);
}
