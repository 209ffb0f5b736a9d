namespace Vae.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// Initial weights. A parameter is [K, ...]; replica k is drawn from its own generator alone, so it starts with the weights that it
        /// would have when trained by itself.
        /// </summary>
        public static class init
        {
            /// <summary>PyTorch's default for linear and convolutional layers: weight and bias uniform in +-1/sqrt(fan in).</summary>
            /// <param name="weight">[K, ...].</param>
            /// <param name="bias">[K, out], or null.</param>
            /// <param name="fan_in">Values that enter one output.</param>
            /// <param name="generators">One per replica; null draws from the process-wide generator; an empty list sets all to 0, for weights that will be copied in.</param>
            public static void default_(Tensor weight, Tensor? bias, long fan_in, IReadOnlyList<Generator>? generators = null)
            {
                if (generators is { Count: 0 })
                {
                    zeros_(weight);
                    if (bias is not null) zeros_(bias);
                    return;
                }

                // kaiming_uniform with a = sqrt(5) gives gain sqrt(1/3), hence sqrt(3) * gain / sqrt(fan in) = 1 / sqrt(fan in).
                var bound = 1 / Math.Sqrt(fan_in);
                for (var k = 0; k < weight.size(0); k++)
                {
                    Uniform(weight, k, bound, Pick(generators, weight, k));
                    if (bias is not null) Uniform(bias, k, bound, Pick(generators, weight, k));
                }
            }

            /// <summary>He et al., 2015: uniform in +-sqrt(6 / ((1 + a^2) fan in)).</summary>
            public static Tensor kaiming_uniform_(Tensor weight, double a = 0, IReadOnlyList<Generator>? generators = null) =>
                ForEach(weight, generators, (t, g) => Uniform(t, Math.Sqrt(6 / ((1 + a * a) * Fans(t).In)), g));

            /// <summary>Glorot and Bengio, 2010: uniform in +-gain sqrt(6 / (fan in + fan out)).</summary>
            public static Tensor xavier_uniform_(Tensor weight, double gain = 1, IReadOnlyList<Generator>? generators = null) =>
                ForEach(weight, generators, (t, g) => Uniform(t, gain * Math.Sqrt(6.0 / (Fans(t).In + Fans(t).Out)), g));

            /// <summary>Normal.</summary>
            public static Tensor normal_(Tensor weight, double mean = 0, double std = 1, IReadOnlyList<Generator>? generators = null) =>
                ForEach(weight, generators, (t, g) => t.normal_(mean, std, g));

            /// <summary>Uniform in [low, high).</summary>
            public static Tensor uniform_(Tensor weight, double low = 0, double high = 1, IReadOnlyList<Generator>? generators = null) =>
                ForEach(weight, generators, (t, g) => t.uniform_(low, high, g));

            /// <summary>One number everywhere.</summary>
            public static Tensor constant_(Tensor weight, double value) => ForEach(weight, null, (t, _) => t.fill_(value));

            /// <summary>0 everywhere.</summary>
            public static Tensor zeros_(Tensor weight) => constant_(weight, 0);

            private static Tensor ForEach(Tensor weight, IReadOnlyList<Generator>? generators, Action<Tensor, Generator?> fill)
            {
                using var scope = NewDisposeScope();
                using var mode = no_grad();
                for (var k = 0; k < weight.size(0); k++) fill(weight.select(0, k), Pick(generators, weight, k));
                return weight;
            }

            private static void Uniform(Tensor weight, int replica, double bound, Generator? generator)
            {
                using var scope = NewDisposeScope();
                using var mode = no_grad();
                Uniform(weight.select(0, replica), bound, generator);
            }

            private static void Uniform(Tensor slice, double bound, Generator? generator)
            {
                // Generators live on the host, so a device's weights are drawn there: the same numbers on every device.
                if (slice.device.type == DeviceType.CPU) slice.uniform_(-bound, bound, generator);
                else slice.copy_(empty(slice.shape).uniform_(-bound, bound, generator));
            }

            private static Generator? Pick(IReadOnlyList<Generator>? generators, Tensor weight, int replica)
            {
                if (generators is null) return null;
                if (generators.Count != weight.size(0)) throw new ArgumentException($"{weight.size(0)} replicas need as many generators, not {generators.Count}.", nameof(generators));
                return generators[replica];
            }

            // A slice is [out,in] or [out,in,kh,kw].
            private static (long In, long Out) Fans(Tensor slice)
            {
                var s = slice.shape;
                if (s.Length < 2) throw new ArgumentException("Fans need a weight [K,out,in,...].", nameof(slice));
                var field = 1L;
                foreach (var size in s.AsSpan(2)) field *= size;
                return (s[1] * field, s[0] * field);
            }
        }
    }
}
