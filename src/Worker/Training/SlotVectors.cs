using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>The numbers of a step that differ by slot, where the fused operations read them: on the host in place, on a device as a copy made when one has changed.</summary>
internal sealed class SlotVectors : IDisposable
{
    private readonly int _latent;
    private readonly int _columns;
    private readonly int[] _own;
    private readonly double[] _scales;
    private readonly bool _onHost;
    private readonly Tensor _hostRows;
    private readonly Tensor _hostScale;
    private readonly Tensor _hostRateWeight;
    private readonly Tensor _mask;
    private readonly Tensor[] _hostVectors;
    private readonly Tensor[] _vectors;
    private bool _changed = true;
    private int _padded;

    /// <param name="slots">K.</param>
    /// <param name="latent">d, which the mask is about.</param>
    /// <param name="columns">Rate columns R.</param>
    /// <param name="vectors">Numbers of each slot that the objective asks for.</param>
    /// <param name="device">Where the operations read.</param>
    public SlotVectors(int slots, int latent, int columns, int vectors, torch.Device device)
    {
        (_latent, _columns) = (latent, columns);
        _own = new int[slots];
        _scales = new double[slots];
        Array.Fill(_own, latent);
        _onHost = device.type == DeviceType.CPU;
        _hostRows = torch.zeros([slots], ScalarType.Int32).DetachFromDisposeScope();
        _hostScale = torch.zeros([slots]).DetachFromDisposeScope();
        _hostRateWeight = torch.zeros([slots, columns]).DetachFromDisposeScope();
        _mask = torch.ones([slots, latent], device: device).DetachFromDisposeScope();
        Ones = torch.ones([slots], device: device).DetachFromDisposeScope();
        Rows = _onHost ? _hostRows : torch.zeros([slots], ScalarType.Int32, device).DetachFromDisposeScope();
        Scale = _onHost ? _hostScale : torch.zeros([slots], device: device).DetachFromDisposeScope();
        RateWeight = _onHost ? _hostRateWeight : torch.zeros([slots, columns], device: device).DetachFromDisposeScope();
        _hostVectors = [.. Enumerable.Range(0, vectors).Select(_ => torch.zeros([slots]).DetachFromDisposeScope())];
        _vectors = _onHost ? _hostVectors : [.. Enumerable.Range(0, vectors).Select(_ => torch.zeros([slots], device: device).DetachFromDisposeScope())];
    }

    /// <summary>Int32 [K].</summary>
    public Tensor Rows { get; }

    /// <summary>[K]: 1 / rows of the slot's global batch.</summary>
    public Tensor Scale { get; }

    /// <summary>[K, R]: the slot's weight of the rate times its scale.</summary>
    public Tensor RateWeight { get; }

    /// <summary>[K] each: the objective's own numbers.</summary>
    public IReadOnlyList<Tensor> Own => _vectors;

    /// <summary>[K].</summary>
    public Tensor Ones { get; }

    /// <summary>[K, d]: 0 where a dimension is padding; null while nothing is padded.</summary>
    public Tensor? Mask => _padded > 0 ? _mask : null;

    /// <summary>1 / rows of the slot's global batch, rounded as in a pack: a trial alone reports the same bits.</summary>
    public double ScaleOf(int slot) => (float)_scales[slot];

    /// <summary>Sets one slot's numbers of the step.</summary>
    public void Set(int slot, int rows, double scale, double rateWeight)
    {
        _scales[slot] = scale;
        var weight = (float)(rateWeight * scale);
        ref var ownRows = ref _hostRows.data<int>()[slot];
        ref var ownScale = ref _hostScale.data<float>()[slot];
        var weights = _hostRateWeight.data<float>().Slice(slot * _columns, _columns);
        if (ownRows == rows && ownScale == (float)scale && weights[0] == weight) return;
        (ownRows, ownScale) = (rows, (float)scale);
        weights.Fill(weight);
        _changed = true;
    }

    /// <summary>Sets the objective's numbers of one slot.</summary>
    public void SetOwn(int slot, ReadOnlySpan<double> values)
    {
        for (var i = 0; i < _hostVectors.Length; i++)
        {
            ref var own = ref _hostVectors[i].data<float>()[slot];
            _changed |= own != (float)values[i];
            own = (float)values[i];
        }
    }

    /// <summary>Sets how many of the latent dimensions are the slot's own.</summary>
    public void SetLatent(int slot, int own)
    {
        if (_own[slot] == own) return;
        _padded += (own < _latent ? 1 : 0) - (_own[slot] < _latent ? 1 : 0);
        _own[slot] = own;
        using var scope = torch.NewDisposeScope();
        var row = _mask.select(0, slot);
        row.fill_(1);
        if (own < _latent) row.narrow(0, own, _latent - own).zero_();
    }

    /// <summary>Brings what has changed to the device.</summary>
    public void Upload()
    {
        if (_onHost || !_changed) return;
        Rows.copy_(_hostRows);
        Scale.copy_(_hostScale);
        RateWeight.copy_(_hostRateWeight);
        for (var i = 0; i < _vectors.Length; i++) _vectors[i].copy_(_hostVectors[i]);
        _changed = false;
    }

    public void Dispose()
    {
        if (!_onHost)
        {
            Rows.Dispose();
            Scale.Dispose();
            RateWeight.Dispose();
            foreach (var vector in _vectors) vector.Dispose();
        }

        foreach (var vector in _hostVectors) vector.Dispose();

        _hostRows.Dispose();
        _hostScale.Dispose();
        _hostRateWeight.Dispose();
        _mask.Dispose();
        Ones.Dispose();
    }
}
