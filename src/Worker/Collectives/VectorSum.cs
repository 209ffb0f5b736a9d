using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vae.Worker.Collectives;

/// <summary>Adds float runs at the speed of the cache they are in, in the widest vectors of this processor.</summary>
internal static unsafe class VectorSum
{
    /// <summary>target[i] = addend[i] + target[i]. The runs do not overlap; neither needs any alignment beyond a float's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* addend, float* target, nint count)
    {
        nint i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= count - (4 * Vector512<float>.Count); i += 4 * Vector512<float>.Count)
            {
                var a = Vector512.Load(addend + i) + Vector512.Load(target + i);
                var b = Vector512.Load(addend + i + 16) + Vector512.Load(target + i + 16);
                var c = Vector512.Load(addend + i + 32) + Vector512.Load(target + i + 32);
                var d = Vector512.Load(addend + i + 48) + Vector512.Load(target + i + 48);
                a.Store(target + i);
                b.Store(target + i + 16);
                c.Store(target + i + 32);
                d.Store(target + i + 48);
            }
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= count - (2 * Vector256<float>.Count); i += 2 * Vector256<float>.Count)
            {
                var a = Vector256.Load(addend + i) + Vector256.Load(target + i);
                var b = Vector256.Load(addend + i + 8) + Vector256.Load(target + i + 8);
                a.Store(target + i);
                b.Store(target + i + 8);
            }
        }
        else
        {
            for (; i <= count - Vector128<float>.Count; i += Vector128<float>.Count)
            {
                (Vector128.Load(addend + i) + Vector128.Load(target + i)).Store(target + i);
            }
        }

        for (; i < count; i++) target[i] = addend[i] + target[i];
    }

    /// <summary>
    /// target[i] = sources[0][i] + sources[1][i] + ..., added in that order, and the same into <paramref name="second"/> unless it is null. A target may
    /// be one of the sources; otherwise the runs do not overlap.
    /// </summary>
    /// <param name="sources">At least one run.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumAll(float** sources, int sourceCount, float* target, float* second, nint count)
    {
        if (second == null) second = target;
        nint i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= count - (4 * Vector512<float>.Count); i += 4 * Vector512<float>.Count)
            {
                var source = sources[0] + i;
                var (a, b, c, d) = (Vector512.Load(source), Vector512.Load(source + 16), Vector512.Load(source + 32), Vector512.Load(source + 48));
                for (var k = 1; k < sourceCount; k++)
                {
                    source = sources[k] + i;
                    a += Vector512.Load(source);
                    b += Vector512.Load(source + 16);
                    c += Vector512.Load(source + 32);
                    d += Vector512.Load(source + 48);
                }

                a.Store(target + i);
                b.Store(target + i + 16);
                c.Store(target + i + 32);
                d.Store(target + i + 48);
                a.Store(second + i);
                b.Store(second + i + 16);
                c.Store(second + i + 32);
                d.Store(second + i + 48);
            }
        }

        for (; i <= count - (2 * Vector256<float>.Count); i += 2 * Vector256<float>.Count)
        {
            var source = sources[0] + i;
            var (a, b) = (Vector256.Load(source), Vector256.Load(source + 8));
            for (var k = 1; k < sourceCount; k++)
            {
                source = sources[k] + i;
                a += Vector256.Load(source);
                b += Vector256.Load(source + 8);
            }

            a.Store(target + i);
            b.Store(target + i + 8);
            a.Store(second + i);
            b.Store(second + i + 8);
        }

        for (; i < count; i++)
        {
            var sum = sources[0][i];
            for (var k = 1; k < sourceCount; k++) sum += sources[k][i];
            target[i] = sum;
            second[i] = sum;
        }
    }
}
