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
}
