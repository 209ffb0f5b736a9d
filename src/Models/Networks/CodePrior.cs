using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// K autoregressive priors over P codes in raster order: p(c) = p(c_1) p(c_2 | c_1) ... (van den Oord et al. 2017, section 3.3, who use a PixelCNN). Here it is a stack of causal convolutions of
/// kernel 2 and dilations 1, 2, 4, ... over the sequence of positions (van den Oord et al. 2016, WaveNet, section 2.1), as many as it takes for each position to see all before it, each added to what it gets,
/// with a learned vector for each position. So it serves codes on a map and codes in a row alike, and its size hardly depends on how many there are.
/// <para>Its inputs are the codes' vectors, detached: it learns beside the codebook and never moves it.</para>
/// </summary>
public sealed class CodePrior : Module
{
    private const double PlaceScale = 0.02;

    private readonly Linear _input;
    private readonly Tensor _places;
    private readonly Sequential[] _mixers;
    private readonly Sequential _head;
    private readonly int _width;

    internal CodePrior(int codes, int size, int positions, int width, int replicas, torch.Generator[] generators)
    {
        (Positions, _width) = (positions, width);
        _places = register_parameter("places", torch.zeros([replicas, positions, width]));
        if (generators.Length > 0) torch.nn.init.normal_(_places, 0, PlaceScale, generators);
        _input = register_module("input", Dense(size, width));
        _mixers = new Sequential[LayersFor(positions)];
        for (var layer = 0; layer < _mixers.Length; layer++) _mixers[layer] = register_module($"mixers.{layer}", torch.nn.Sequential(Dense(2 * width, width), torch.nn.ReLU()));
        _head = register_module("head", torch.nn.Sequential(Dense(width, width), torch.nn.ReLU(), Dense(width, codes)));

        Linear Dense(int inputs, int outputs) => torch.nn.Linear(inputs, outputs, replicas: replicas, generators: generators);
    }

    /// <summary>P.</summary>
    public int Positions { get; }

    /// <summary>Layers of kernel 2 whose dilations double: 2^layers positions are seen, which is at least all.</summary>
    internal static int LayersFor(int positions)
    {
        var layers = 0;
        while (1 << layers < positions) layers++;
        return layers;
    }

    /// <summary>Logits of each position's code given the codes before it, [K, n, P, V].</summary>
    /// <param name="vectors">[K, n, P, C]: the codes' vectors, without a gradient. Those of the last position are not looked at.</param>
    public Tensor Logits(Tensor vectors)
    {
        var (slots, n) = (vectors.size(0), vectors.size(1));
        using var scope = torch.NewDisposeScope();
        var hidden = Rows(_input.forward(Flat(Delayed(vectors, 1)))) + _places.unsqueeze(1);
        for (var layer = 0; layer < _mixers.Length; layer++)
        {
            using var ofLayer = torch.NewDisposeScope(); // Where no gradient is wanted, one layer is there at a time.
            using var before = hidden;
            hidden = (before + Rows(_mixers[layer].forward(Flat(torch.cat([before, Delayed(before, 1 << layer)], 3))))).MoveToOuterDisposeScope();
        }

        return Rows(_head.forward(Flat(hidden))).MoveToOuterDisposeScope();

        Tensor Flat(Tensor values) => values.reshape(slots, n * Positions, values.size(3));
        Tensor Rows(Tensor values) => values.view(slots, n, Positions, values.size(2));
    }

    /// <summary>Goes through the positions one after the other: what <see cref="Logits"/> computes at once, for drawing codes.</summary>
    /// <param name="rows">n.</param>
    internal Walk Begin(int rows) => new(this, rows);

    // What stood some positions before: zeros at the beginning.
    private static Tensor Delayed(Tensor values, int by)
    {
        return torch.cat([torch.zeros([values.size(0), values.size(1), by, values.size(3)], device: values.device), values.narrow(2, 0, values.size(2) - by)], 2);
    }

    /// <summary>The way through the positions of n rows: each layer keeps what it was given, so that a position costs the same wherever it is.</summary>
    internal sealed class Walk(CodePrior prior, int rows)
    {
        private readonly List<Tensor>[] _given = [.. prior._mixers.Select(static _ => new List<Tensor>())];
        private int _position;

        /// <summary>Logits of the next position, [K, n, V]; the current scope owns them and what the walk keeps.</summary>
        /// <param name="before">[K, n, C]: the vectors of the codes of the position before; null at the first one.</param>
        public Tensor Next(Tensor? before)
        {
            var start = before ?? torch.zeros([prior._places.size(0), rows, prior._input.in_features], device: prior._places.device);
            var hidden = prior._input.forward(start) + prior._places.select(1, _position).unsqueeze(1);
            for (var layer = 0; layer < prior._mixers.Length; layer++)
            {
                _given[layer].Add(hidden);
                var past = _position - (1 << layer);
                var earlier = past >= 0 ? _given[layer][past] : torch.zeros([hidden.size(0), rows, prior._width], device: hidden.device);
                hidden += prior._mixers[layer].forward(torch.cat([hidden, earlier], 2));
            }

            _position++;
            return prior._head.forward(hidden);
        }
    }
}
